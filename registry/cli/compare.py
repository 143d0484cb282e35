"""The command that shows what training measured of a candidate and of Production: `compare`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from registry.cli import output
from registry.cli.session import Session
from registry.tracking.names import STAGING_ALIAS


def compare(
    candidate: Annotated[str, typer.Argument(help="Version number, or `staging`.")] = STAGING_ALIAS,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown, for a job summary.")
    ] = False,
    *,
    session: Session,
) -> None:
    """Show what training measured of a candidate, beside the model in Production.

    Each on the test days of its own data: `evaluate` compares both on the same rows.

    Example: python -m registry compare 3 --markdown >> "$GITHUB_STEP_SUMMARY"
    """
    from registry.report.side_by_side import as_markdown, caution, measured_values, side_by_side
    from registry.tracking.comparison import trained, trained_in_production

    new = trained(session.client, candidate)
    old = trained_in_production(session.client, session.ledger.head)
    if session.as_json:
        production = measured_values(old) if old else None
        output.print_json({"candidate": measured_values(new), "production": production})
        return
    rows = side_by_side(new, old)
    if markdown:
        typer.echo(as_markdown(rows))
    else:
        table = output.table("", *rows[0])
        for row in rows[1:]:
            table.add_row(*map(escape, row))
        output.console().print(table)
    typer.echo(f"\n{caution(new, old)}")

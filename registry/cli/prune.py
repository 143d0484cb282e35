"""The command that deletes: `prune`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.session import Session

MAX_DAYS = 36_500


def prune(
    older_than_days: Annotated[
        int, typer.Option(min=1, max=MAX_DAYS, help="Keep candidates that are not as old as this.")
    ],
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete them. Without it, nothing is changed.")
    ] = False,
    *,
    session: Session,
) -> None:
    """List the old candidates that nothing needs, and why the others are kept; or delete them.

    With them go their runs, nested runs, logged models and files. Kept is what the ledger, an
    alias, evidence that waits for approval, or another model names. Evidence is never deleted.

    Example: python -m registry prune --older-than-days 90 --delete
    """
    from registry.lifecycle.prune import prune as prune_candidates

    before = datetime.now(UTC) - timedelta(days=older_than_days)
    done = "deleted" if delete else "to delete"
    outcomes = []
    for outcome in prune_candidates(session.client, session.trust, before, delete=delete):
        outcomes.append(outcome)
        if not session.as_json:
            what = f"kept: {outcome.kept}" if outcome.kept else done
            typer.echo(f"{outcome.registered}: {what}")
    if session.as_json:
        runs = [
            {
                "run_id": registered.run_id,
                "candidates": registered.candidates,
                "kept": reason or None,
            }
            for registered, reason in outcomes
        ]
        output.print_json({"dry_run": not delete, "runs": runs})
        return
    kept = sum(bool(outcome.kept) for outcome in outcomes)
    advice = "" if delete else "; nothing was deleted: repeat it with --delete"
    typer.echo(f"{len(outcomes) - kept} {done}, {kept} kept{advice}")

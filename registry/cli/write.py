"""The commands that change something and sign nothing: `init`, `stage`, `evaluate`, `repair`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.options import (
    DEFAULT_CONFIG,
    DEFAULT_KEY,
    Config,
    Json,
    PolicyFile,
    TrackingUri,
)
from registry.cli.session import Session, with_session
from registry.evaluation.policy import SHIPPED
from registry.ledger.trust import create_ledger
from registry.lifecycle import aliases
from registry.lifecycle.evaluate import evaluate as evaluate_candidate
from registry.tracking import candidates
from registry.tracking.client import connect


def add_to(app: typer.Typer) -> None:
    for command in (init, stage, with_session(evaluate), with_session(repair)):
        app.command()(command)


def init(
    config: Config = DEFAULT_CONFIG,
    private_key: Annotated[Path, typer.Option(help="Where the new key goes.")] = DEFAULT_KEY,
    as_json: Json = False,
) -> None:
    """Make a new ledger id and signing key; say where they are.

    Example: python -m registry init --config ledger.yaml --private-key signing-key.pem
    """
    trust = create_ledger(config, private_key)
    if as_json:
        output.print_json({"private_key": str(private_key), **trust.model_dump(mode="json")})
    else:
        typer.echo(f"ledger {trust.ledger_id}: configuration {config}, signing key {private_key}")


def stage(
    version: Annotated[str, typer.Argument(help="The candidate's version number.")],
    tracking_uri: TrackingUri = "",
    as_json: Json = False,
) -> None:
    """Put a candidate in Staging, in place of whichever was there.

    Example: python -m registry stage 3
    """
    staged = candidates.stage(connect(tracking_uri), version)
    if as_json:
        output.print_json({"staging": int(staged.version), "run_id": staged.run_id})
    else:
        typer.echo(f"candidate {staged.version} is in Staging; judge it with `registry evaluate`")


def evaluate(
    rows: Annotated[Path, typer.Option(help="Parquet file of evaluation rows.")],
    candidate: Annotated[str, typer.Argument(help="Version, or `staging`.")] = candidates.STAGING,
    policy: PolicyFile = SHIPPED,
    report: Annotated[
        Path | None, typer.Option(help="Folder to put report.html and report.md into as well.")
    ] = None,
    *,
    session: Session,
) -> None:
    """Judge a candidate and Production on the same rows; print what to approve.

    The evidence run keeps a report; in GitHub Actions, show it as the job's summary with
    `cat report/report.md >> "$GITHUB_STEP_SUMMARY"`.

    Example: python -m registry evaluate staging --rows rows.parquet --report report
    """
    reference, evidence = evaluate_candidate(
        session.client, session.trust, candidate, rows, policy, report
    )
    if session.as_json:
        output.print_json({"evidence": str(reference), **evidence.model_dump(mode="json")})
    else:
        output.verdicts(evidence)
        typer.echo(str(reference))
    if evidence.blocking:
        raise typer.Exit(3)


def repair(*, session: Session) -> None:
    """Set the alias and the tags that people see in MLflow to what the ledger says.

    It signs nothing, and nothing of ours trusts them; `verify` names those that are stale.

    Example: python -m registry repair
    """
    repaired = aliases.repair(session.client, session.ledger)
    if session.as_json:
        output.print_json({"repaired": repaired})
    else:
        for problem in repaired:
            typer.echo(f"repaired: {problem}")
        typer.echo(f"{len(repaired)} stale")

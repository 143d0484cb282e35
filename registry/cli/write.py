"""The commands that change something and sign nothing: `init`, `stage`, `evaluate`, `repair`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry import SHIPPED_POLICY
from registry.cli import output
from registry.cli.options import (
    DEFAULT_CONFIG,
    DEFAULT_KEY,
    DEFAULT_PROVENANCE,
    DEFAULT_TRAINING_KEY,
    Config,
    Json,
    PolicyFile,
    ProvenanceFile,
    TrackingUri,
    read_provenance,
)
from registry.cli.session import Session, with_session
from registry.ledger.creation import create_ledger
from registry.lifecycle.recovery import check_not_lost
from registry.provenance.trusted import create_trusted
from registry.tracking.names import STAGING_ALIAS
from registry.tracking.rest import Registry


def add_to(app: typer.Typer) -> None:
    for command in (init, stage, with_session(evaluate), with_session(repair)):
        app.command()(command)


def init(
    config: Config = DEFAULT_CONFIG,
    private_key: Annotated[Path, typer.Option(help="File for the new private key.")] = DEFAULT_KEY,
    provenance: ProvenanceFile = DEFAULT_PROVENANCE,
    training_key: Annotated[
        Path,
        typer.Option(
            help="File for the new private key of the training job. If it exists: its key, "
            "private or public."
        ),
    ] = DEFAULT_TRAINING_KEY,
    tracking_uri: TrackingUri = "",
    as_json: Json = False,
) -> None:
    """Create a ledger id and a signing key, and a key for the training job.

    Where MLFLOW_TRACKING_URI is set, that server must not have a ledger yet.

    Keep the two keys apart: the training job must not be able to sign entries, nor may the author
    of a candidate be able to use the training key. Existing files are never changed.

    Example: python -m registry init --config ledger.yaml --private-key signing-key.pem
    """
    if tracking_uri:
        check_not_lost(Registry(tracking_uri), config)
    # First, since a ledger that exists is refused: an `init` that was killed is repeated.
    create_trusted(provenance, training_key)
    trust = create_ledger(config, private_key)
    if as_json:
        keys = {"private_key": str(private_key), "training_key": str(training_key)}
        output.print_json({**keys, "provenance": str(provenance), **trust.model_dump(mode="json")})
    else:
        typer.echo(f"ledger {trust.ledger_id}: configuration {config}, signing key {private_key}")
        typer.echo(f"provenance: configuration {provenance}, training key {training_key}")


def stage(
    version: Annotated[str, typer.Argument(help="The candidate's version number.")],
    tracking_uri: TrackingUri = "",
    as_json: Json = False,
) -> None:
    """Put a candidate in Staging, replacing the one that is there.

    Example: python -m registry stage 3
    """
    from registry.tracking import candidates
    from registry.tracking.client import connect

    staged = candidates.stage(connect(tracking_uri), version)
    if as_json:
        output.print_json({"staging": int(staged.version), "run_id": staged.run_id})
    else:
        typer.echo(
            f"candidate {staged.version} is in Staging; evaluate it with `registry evaluate`"
        )


def evaluate(
    rows: Annotated[Path, typer.Option(help="Parquet file with the evaluation rows.")],
    candidate: Annotated[str, typer.Argument(help="Version number, or `staging`.")] = STAGING_ALIAS,
    policy: PolicyFile = SHIPPED_POLICY,
    report: Annotated[
        Path | None, typer.Option(help="Also write report.html and report.md to this folder.")
    ] = None,
    provenance: ProvenanceFile = DEFAULT_PROVENANCE,
    *,
    session: Session,
) -> None:
    """Evaluate a candidate and Production on the same rows; print the reference to approve.

    The report is kept in the evidence run. In GitHub Actions, show it in the job summary with
    `cat report/report.md >> "$GITHUB_STEP_SUMMARY"`.

    Example: python -m registry evaluate staging --rows rows.parquet --report report
    """
    from registry.lifecycle.evaluate import evaluate as evaluate_candidate
    from registry.tracking.project_run import name_project_run

    trusted = read_provenance(provenance)
    reference, evidence = evaluate_candidate(
        session.client, session.trust, candidate, rows, policy, report, trusted
    )
    verdict = "refused" if evidence.blocking else "passed"
    name = f"evaluate · candidate {evidence.candidate.version} · {verdict}"
    name_project_run(session.client, name, f"Evidence: `{reference}`")
    if session.as_json:
        output.print_json({"evidence": str(reference), **evidence.model_dump(mode="json")})
    else:
        output.verdicts(evidence)
        typer.echo(str(reference))
    if evidence.blocking:
        raise typer.Exit(3)


def repair(*, session: Session) -> None:
    """Set the alias and the tags that MLflow shows to match the ledger.

    It signs nothing and is idempotent. The registry itself never trusts alias and tags; `verify`
    lists those that are stale.

    Example: python -m registry repair
    """
    from registry.lifecycle import aliases

    repaired = aliases.repair(session.client, session.ledger)
    if session.as_json:
        output.print_json({"repaired": repaired})
    else:
        for problem in repaired:
            typer.echo(f"repaired: {problem}")
        typer.echo(f"{len(repaired)} stale")

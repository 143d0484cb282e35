"""The commands that sign an entry: `plan`, `promote`, `rollback`, `freeze` and `unfreeze`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.cli import output
from registry.cli.options import DEFAULT_PROVENANCE, Approver, ProvenanceFile, Url, read_provenance
from registry.cli.session import SigningSession, with_session
from registry.errors import UsageError
from registry.ledger.chain import Link
from registry.ledger.tip import Tip
from registry.lifecycle.approval import with_comment

if TYPE_CHECKING:
    from registry.evaluation.plan import PlannedFile, PlannedQuery

Reason = Annotated[str, typer.Option(help="Reason to record in the entry.")]


def add_to(app: typer.Typer) -> None:
    for command in (plan, promote, rollback, freeze, unfreeze):
        app.command()(with_session(command))


def plan(
    candidate: Annotated[str, typer.Argument(help="Version number, or `staging`.")],
    reason: Reason,
    rows: Annotated[
        Path | None, typer.Option(help="Parquet file with the evaluation rows, if it exists.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Without --rows: the data set that the rows will be of.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="With --dataset: their first time, as 2026-05-01T00:00Z."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="With --dataset: the time before which they end.")
    ] = None,
    approver: Approver = None,
    url: Url = "",
    *,
    session: SigningSession,
) -> None:
    """Sign what a candidate will be judged on, before it is evaluated; nothing in force changes.

    The entry names the candidate's files, the policy with its bounds, and the rows.

    Example: python -m registry plan 3 --rows rows.parquet --reason "monthly release"
    """
    from registry.lifecycle.plan import plan as append_plan

    data = _planned_data(rows, dataset, start, until)
    client, trust = session.client, session.trust
    approval = with_comment(session.approvals(approver)[0], reason, url)
    link = append_plan(client, trust, session.signer, candidate, session.policy, data, approval)
    _print_entry(link, session, "planned")


def _planned_data(
    rows: Path | None, dataset: str | None, start: str | None, until: str | None
) -> PlannedFile | PlannedQuery:
    from registry.lifecycle.plan import planned_file, planned_query

    if rows and not (dataset or start or until):
        return planned_file(rows)
    if dataset and start and until and not rows:
        return planned_query(dataset, start, until)
    raise UsageError("give either --rows, or --dataset with --from and --until")


def promote(
    evidence: Annotated[str, typer.Argument(help="RUN@sha256:…, as printed by `evaluate`.")],
    approver: Approver = None,
    comment: Annotated[str, typer.Option(help="Comment to record in the entry.")] = "",
    url: Url = "",
    provenance: ProvenanceFile = DEFAULT_PROVENANCE,
    *,
    session: SigningSession,
) -> None:
    """Promote approved evidence to Production by appending a signed entry to the ledger.

    Example: python -m registry promote 4f2a…@sha256:9c1e… --approver github:alice --comment "ok"
    """
    from registry.lifecycle.promote import promote as promote_evidence
    from registry.tracking.project_run import name_project_run

    client, trust = session.client, session.trust
    name_project_run(client, f"promote · evidence {evidence[:8]}")
    approvals = session.approvals(approver)
    link, is_new = promote_evidence(
        client,
        trust,
        session.signer,
        evidence,
        approvals,
        session.policy,
        comment=comment,
        url=url,
        trusted=read_provenance(provenance),
    )
    _print_entry(link, session, "in Production" if is_new else "already in Production")


def rollback(
    reason: Reason,
    to: Annotated[
        int | None, typer.Option(help="Ledger version to return to. Default: the previous model.")
    ] = None,
    if_tip: Annotated[
        Tip | None,
        typer.Option(
            parser=Tip.parse,
            metavar="LEDGER_ID:SEQUENCE:SHA256",
            help="Only if this is still the ledger's tip, as `promote --json` prints it.",
        ),
    ] = None,
    approver: Approver = None,
    url: Url = "",
    *,
    session: SigningSession,
) -> None:
    """Put an earlier model back in Production by appending a signed entry to the ledger.

    Example: python -m registry rollback --to 2 --reason "too many false alerts since 09:00"
    """
    from registry.lifecycle.rollback import rollback as append_rollback
    from registry.tracking.project_run import name_project_run

    client, trust = session.client, session.trust
    name_project_run(client, f"rollback · to version {to}" if to else "rollback")
    approval = with_comment(session.approvals(approver)[0], reason, url)
    link, is_new = append_rollback(
        client, trust, session.signer, to, approval, tip=if_tip.digest if if_tip else None
    )
    _print_entry(link, session, "in Production" if is_new else "already in Production")


def freeze(
    reason: Reason, approver: Approver = None, url: Url = "", *, session: SigningSession
) -> None:
    """Block promotions until `unfreeze`; rollbacks are still possible.

    Example: python -m registry freeze --reason "year-end change stop"
    """
    _set_frozen("freeze", "the ledger is frozen", reason, approver, url, session)


def unfreeze(
    reason: Reason, approver: Approver = None, url: Url = "", *, session: SigningSession
) -> None:
    """Allow promotions again.

    Example: python -m registry unfreeze --reason "change stop is over"
    """
    _set_frozen("unfreeze", "promotions are allowed", reason, approver, url, session)


def _set_frozen(
    action: Literal["freeze", "unfreeze"],
    effect: str,
    reason: str,
    approver: str | None,
    url: str,
    session: SigningSession,
) -> None:
    from registry.lifecycle.freeze import set_frozen

    client, trust = session.client, session.trust
    approval = with_comment(session.approvals(approver)[0], reason, url)
    link = set_frozen(client, trust, session.signer, action, approval)
    _print_entry(link, session, effect)


def _print_entry(link: Link, session: SigningSession, effect: str) -> None:
    if session.as_json:
        output.print_json(output.entry_values(link))
    else:
        typer.echo(f"{effect}: {link}")

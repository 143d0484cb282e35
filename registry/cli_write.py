"""The commands that change something, from `init` to `unfreeze`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from registry import candidates, evaluation, freeze, promotion, show
from registry import rollback as rollbacks
from registry.approver import approvals, with_comment
from registry.ledger import Link
from registry.options import (
    DEFAULT_CONFIG,
    DEFAULT_KEY,
    DEFAULT_KEY_URI,
    Approver,
    Config,
    Json,
    PolicyFile,
    SigningKey,
    TrackingUri,
    Url,
)
from registry.policy import SHIPPED
from registry.store import connect
from registry.trust import create_ledger, open_signer, read_trust

Reason = Annotated[str, typer.Option(help="Why; it goes on the record.")]


def add_to(app: typer.Typer) -> None:
    for command in (init, stage, evaluate, promote, rollback, freeze_ledger, unfreeze_ledger):
        app.command(command.__name__.removesuffix("_ledger"))(command)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _print_entry(link: Link, as_json: bool, words: str) -> None:
    if as_json:
        _print_json(show.entry_values(link))
    else:
        typer.echo(f"{words}: {link}")


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
        _print_json({"private_key": str(private_key), **trust.model_dump(mode="json")})
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
        _print_json({"staging": int(staged.version), "run_id": staged.run_id})
    else:
        typer.echo(f"candidate {staged.version} is in Staging; judge it with `registry evaluate`")


def evaluate(
    rows: Annotated[Path, typer.Option(help="Parquet file of evaluation rows.")],
    candidate: Annotated[str, typer.Argument(help="Version, or `staging`.")] = candidates.STAGING,
    policy: PolicyFile = SHIPPED,
    report: Annotated[
        Path | None, typer.Option(help="Folder to put report.html and report.md into as well.")
    ] = None,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Judge a candidate and Production on the same rows; print what to approve.

    The evidence run keeps a report; in GitHub Actions, show it as the job's summary with
    `cat report/report.md >> "$GITHUB_STEP_SUMMARY"`.

    Example: python -m registry evaluate staging --rows rows.parquet --report report
    """
    client, trust = connect(tracking_uri), read_trust(config)
    reference, evidence = evaluation.evaluate(client, trust, candidate, rows, policy, report)
    if as_json:
        _print_json({"evidence": str(reference), **evidence.model_dump(mode="json")})
    else:
        show.verdicts(evidence)
        typer.echo(str(reference))
    if evidence.blocking:
        raise typer.Exit(3)


def promote(
    evidence: Annotated[str, typer.Argument(help="RUN@sha256:…, as `evaluate` printed it.")],
    approver: Approver = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    url: Url = "",
    policy: PolicyFile = SHIPPED,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put approved evidence's files in Production: one signed entry in the ledger.

    Example: python -m registry promote 4f2a…@sha256:9c1e… --approver github:alice --comment "ok"
    """
    client, trust = connect(tracking_uri), read_trust(config)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    link, is_new = promotion.promote(
        client,
        trust,
        open_signer(signing_key, trust),
        evidence,
        given,
        policy,
        comment=comment,
        url=url,
    )
    _print_entry(link, as_json, "in Production" if is_new else "in Production already")


def rollback(
    reason: Reason,
    to: Annotated[int | None, typer.Option(help="Ledger version. Default: the one before.")] = None,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put an earlier model back in Production, on the record.

    Example: python -m registry rollback --to 2 --reason "too many false alerts since 09:00"
    """
    client, trust = connect(tracking_uri), read_trust(config)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    link, is_new = rollbacks.rollback(
        client, trust, open_signer(signing_key, trust), to, with_comment(given[0], reason, url)
    )
    _print_entry(link, as_json, "in Production" if is_new else "in Production already")


def freeze_ledger(
    reason: Reason,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Let no promotion count until `unfreeze`; a rollback still does.

    Example: python -m registry freeze --reason "year-end change stop"
    """
    _set_frozen("freeze", reason, approver, url, tracking_uri, config, signing_key, as_json)


def unfreeze_ledger(
    reason: Reason,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Let promotions count again.

    Example: python -m registry unfreeze --reason "change stop is over"
    """
    _set_frozen("unfreeze", reason, approver, url, tracking_uri, config, signing_key, as_json)


def _set_frozen(
    action: Literal["freeze", "unfreeze"],
    reason: str,
    approver: str | None,
    url: str,
    tracking_uri: str,
    config: Path,
    signing_key: str,
    as_json: bool,
) -> None:
    client, trust = connect(tracking_uri), read_trust(config)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    approval = with_comment(given[0], reason, url)
    link = freeze.set_frozen(client, trust, open_signer(signing_key, trust), action, approval)
    _print_entry(
        link, as_json, "the ledger is frozen" if action == "freeze" else "promotions count"
    )

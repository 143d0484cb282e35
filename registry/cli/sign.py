"""The commands that sign an entry: `promote`, `rollback`, `freeze` and `unfreeze`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from registry.cli import output
from registry.cli.options import (
    DEFAULT_CONFIG,
    DEFAULT_KEY_URI,
    Approver,
    Config,
    Floor,
    Json,
    PolicyFile,
    SigningKey,
    TrackingUri,
    Url,
)
from registry.evaluation.policy import SHIPPED
from registry.ledger.chain import Link
from registry.ledger.tip import Tip
from registry.ledger.trust import open_signer, read_trust
from registry.lifecycle import freeze, promote, rollback
from registry.lifecycle.approval import approvals, with_comment
from registry.tracking.client import connect

Reason = Annotated[str, typer.Option(help="Why; it goes on the record.")]


def add_to(app: typer.Typer) -> None:
    for command in (promote_command, rollback_command, freeze_command, unfreeze_command):
        app.command(command.__name__.removesuffix("_command"))(command)


def _print_entry(link: Link, as_json: bool, words: str) -> None:
    if as_json:
        typer.echo(json.dumps(output.entry_values(link), indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{words}: {link}")


def promote_command(
    evidence: Annotated[str, typer.Argument(help="RUN@sha256:…, as `evaluate` printed it.")],
    approver: Approver = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    url: Url = "",
    policy: PolicyFile = SHIPPED,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put approved evidence's files in Production: one signed entry in the ledger.

    Example: python -m registry promote 4f2a…@sha256:9c1e… --approver github:alice --comment "ok"
    """
    client, trust = connect(tracking_uri), read_trust(config, floor)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    link, is_new = promote.promote(
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


def rollback_command(
    reason: Reason,
    to: Annotated[int | None, typer.Option(help="Ledger version. Default: the one before.")] = None,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put an earlier model back in Production, on the record.

    Example: python -m registry rollback --to 2 --reason "too many false alerts since 09:00"
    """
    client, trust = connect(tracking_uri), read_trust(config, floor)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    link, is_new = rollback.rollback(
        client, trust, open_signer(signing_key, trust), to, with_comment(given[0], reason, url)
    )
    _print_entry(link, as_json, "in Production" if is_new else "in Production already")


def freeze_command(
    reason: Reason,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Let no promotion count until `unfreeze`; a rollback still does.

    Example: python -m registry freeze --reason "year-end change stop"
    """
    _set_frozen("freeze", reason, approver, url, tracking_uri, config, floor, signing_key, as_json)


def unfreeze_command(
    reason: Reason,
    approver: Approver = None,
    url: Url = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Let promotions count again.

    Example: python -m registry unfreeze --reason "change stop is over"
    """
    _set_frozen(
        "unfreeze", reason, approver, url, tracking_uri, config, floor, signing_key, as_json
    )


def _set_frozen(
    action: Literal["freeze", "unfreeze"],
    reason: str,
    approver: str | None,
    url: str,
    tracking_uri: str,
    config: Path,
    floor: Tip | None,
    signing_key: str,
    as_json: bool,
) -> None:
    client, trust = connect(tracking_uri), read_trust(config, floor)
    given = approvals(os.environ, approver, at_terminal=sys.stdin.isatty())
    approval = with_comment(given[0], reason, url)
    link = freeze.set_frozen(client, trust, open_signer(signing_key, trust), action, approval)
    _print_entry(
        link, as_json, "the ledger is frozen" if action == "freeze" else "promotions count"
    )

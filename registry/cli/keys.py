"""`python -m registry keys`: the trusted keys in the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.options import DEFAULT_CONFIG, Config, Floor, Json, TrackingUri
from registry.cli.session import Session, with_session
from registry.errors import UsageError
from registry.ledger import keys
from registry.ledger.fold import fold
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, TrustedKey, read_trust
from registry.lifecycle import recovery
from registry.tracking.rest import Registry

app = typer.Typer(
    no_args_is_help=True,
    help="List, add, retire and revoke the keys that readers trust. Only the configuration file "
    "is changed; distribute it to every reader.",
)

KeyStart = Annotated[str, typer.Argument(help="The key's id, or a prefix of it.")]


@app.command("list")
def list_keys(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the trusted keys, each with the first and the last sequence that it may sign.

    Example: python -m registry keys list
    """
    trust = read_trust(config)
    if as_json:
        output.print_json(trust.model_dump(mode="json"))
    else:
        output.keys(trust)


@app.command()
@with_session
def add(
    public_key: Annotated[Path, typer.Argument(help="PEM file with the public key.")],
    first: Annotated[int, typer.Option(min=1, help="First sequence that it may sign.")],
    *,
    session: Session,
) -> None:
    """Trust another key, from a given sequence on.

    Example: python -m registry keys add new-key.pub --first 12
    """
    key = keys.read_public_key(public_key, first)
    change = f"key {key.keyid[:12]} may sign from sequence {first} on"
    with keys.changing(session.config):
        _change(session, keys.with_key(session.trust, key), change)


@app.command()
@with_session
def retire(
    key: KeyStart,
    last: Annotated[
        int | None, typer.Option(min=0, help="Last sequence that it may sign. Default: the tip's.")
    ] = None,
    *,
    session: Session,
) -> None:
    """Retire a key: it can sign no further entries, and those that it signed remain valid.

    Example: python -m registry keys retire 4f2a
    """
    with keys.changing(session.config):
        trust = session.trust
        if last is None:
            last = len(session.ledger.chain)
        _end(session, keys.find(trust, key), last, revoked=False)


@app.command()
@with_session
def revoke(
    key: KeyStart,
    last: Annotated[int, typer.Option(min=0, help="Last sequence to trust; 0 for none.")],
    *,
    session: Session,
) -> None:
    """Revoke a key that may be compromised: what it signed past a sequence is not trusted.

    Such entries keep their place but put nothing in force: no service starts until a rollback
    signed by another key follows.

    Example: python -m registry keys revoke 4f2a --last 11
    """
    with keys.changing(session.config):
        _end(session, keys.find(session.trust, key), last, revoked=True)


@app.command("recover")
def recover_config(
    key: Annotated[Path, typer.Argument(help="PEM file of the first key, public or private.")],
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Make a lost ledger.yaml again, from the first key and the ledger on the server.

    Give the newest tip that you know as FRAUD_LEDGER_FLOOR, in case the server has lost entries
    too. The file trusts this key alone: add the others again, and retire or revoke those that were.

    Example: python -m registry keys recover .local/signing-key.pem
    """
    registry = Registry(tracking_uri)
    trust, ledger = recovery.recover(registry, keys.read_key(key), floor)
    recovery.write_recovered(config, trust)
    if as_json:
        output.print_json({"tip": str(Tip.of(ledger)), **trust.model_dump(mode="json")})
        return
    typer.echo(f"ledger {trust.ledger_id}: configuration {config}, entries: {len(ledger.chain)}")
    typer.echo(f"tip: {Tip.of(ledger)}")
    for finding in ledger.findings:
        typer.echo(f"warning: {finding}")
    if floor is None:
        typer.echo("warning: no floor was given: compare the tip with the newest that you know")


def _end(session: Session, key: TrustedKey, last: int, *, revoked: bool) -> None:
    after = keys.with_last(session.trust, key, last, revoked=revoked)
    _change(session, after, f"key {key.keyid[:12]} may sign up to sequence {last}")


def _change(session: Session, after: Trust, change: str) -> None:
    """Write the new configuration, and print what it changes and what that does to the head."""
    if not session.tracking_uri:
        raise UsageError("set MLFLOW_TRACKING_URI: the effect of the change depends on the ledger")
    # The added key may have signed the floor's entry, which only the changed ledger then holds.
    without_floor = session.trust.model_copy(update={"floor": None})
    registry = Registry(session.tracking_uri)  # read twice: a list could hold any amount of garbage
    before = fold(registry.versions(), without_floor)
    effect = keys.describe_change(before, fold(registry.versions(), after))
    keys.write_trust(session.config, after)
    if session.as_json:
        output.print_json({"effect": effect, **after.model_dump(mode="json")})
    else:
        typer.echo(f"{effect}\n{change}")

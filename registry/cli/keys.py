"""`python -m registry keys`: the trusted keys in the configuration file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.options import DEFAULT_CONFIG, Config, Floor, Json, TrackingUri
from registry.errors import UsageError
from registry.ledger import keys
from registry.ledger.trust import Trust, read_trust
from registry.tracking.client import connect, read_ledger

app = typer.Typer(
    no_args_is_help=True,
    help="List, add, retire and revoke the keys that readers trust. Only the configuration file "
    "changes; give it to every reader.",
)

KeyStart = Annotated[str, typer.Argument(help="The key's id, or how it starts.")]


@app.command("list")
def list_keys(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Show the trusted keys, each with the first and the last sequence that it may sign.

    Example: python -m registry keys list
    """
    trust = read_trust(config)
    if as_json:
        typer.echo(trust.model_dump_json(indent=1))
    else:
        output.keys(trust)


@app.command()
def add(
    public_key: Annotated[Path, typer.Argument(help="PEM file with the public key.")],
    first: Annotated[int, typer.Option(min=1, help="The first sequence that it may sign.")],
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Trust one more key, from a sequence on.

    Example: python -m registry keys add new-key.pub --first 12
    """
    trust = read_trust(config, floor)
    key = keys.read_public_key(public_key, first)
    words = f"key {key.keyid[:12]} may sign from sequence {first} on"
    _change(config, trust, keys.with_key(trust, key), tracking_uri, words, as_json)


@app.command()
def retire(
    key: KeyStart,
    last: Annotated[
        int | None, typer.Option(min=0, help="The last sequence. Default: the tip's.")
    ] = None,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Let a key sign no more; what it signed so far stays in force.

    Example: python -m registry keys retire 4f2a
    """
    trust = read_trust(config, floor)
    if last is None:
        tip = read_ledger(connect(tracking_uri), trust).tip
        last = tip.statement.entry.sequence if tip else 0
    found = keys.find(trust, key)
    after = keys.with_last(trust, found, last, revoked=False)
    words = f"key {found.keyid[:12]} may sign up to sequence {last}"
    _change(config, trust, after, tracking_uri, words, as_json)


@app.command()
def revoke(
    key: KeyStart,
    last: Annotated[int, typer.Option(min=0, help="The last sequence to trust; 0 for none.")],
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Distrust what a key signed past a sequence, because somebody else may hold it.

    Entries past it keep their place, and put nothing in force: until a rollback that another key
    signs, nothing starts.

    Example: python -m registry keys revoke 4f2a --last 11
    """
    trust = read_trust(config, floor)
    found = keys.find(trust, key)
    after = keys.with_last(trust, found, last, revoked=True)
    words = f"key {found.keyid[:12]} may sign up to sequence {last}"
    _change(config, trust, after, tracking_uri, words, as_json)


def _change(
    config: Path, before: Trust, after: Trust, tracking_uri: str, words: str, as_json: bool
) -> None:
    """Write the new configuration, once it is clear what it does to the head, and say both."""
    if not tracking_uri:
        raise UsageError("set MLFLOW_TRACKING_URI: only with the ledger it is clear what this does")
    client = connect(tracking_uri)
    # The key of the floor's entry may be the very one that is added: only then the floor must hold.
    any_tip = before.model_copy(update={"floor": None})
    effect = keys.effect(read_ledger(client, any_tip), read_ledger(client, after))
    keys.write_trust(config, after)
    if as_json:
        typer.echo(json.dumps({"effect": effect, **after.model_dump(mode="json")}, indent=1))
    else:
        typer.echo(f"{effect}\n{words}")

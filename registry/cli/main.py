"""`python -m registry`; here are the commands that only read."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli import keys, output, sign, write
from registry.cli.options import DEFAULT_CONFIG, Config, Floor, Json, TrackingUri
from registry.errors import RegistryError
from registry.evaluation.evidence import fetched_evidence
from registry.ledger.chain import Ledger
from registry.ledger.tip import Tip
from registry.ledger.trust import read_trust
from registry.lifecycle.aliases import stale_signs
from registry.lifecycle.pending import in_flight
from registry.tracking import candidates
from registry.tracking.client import MlflowClient, connect, read_ledger
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry

app = typer.Typer(
    name="registry",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Stage, judge, promote and roll back fraud models. Exit codes: 0 done, 2 wrong use or "
    "input, 3 refused by a gate or by verification.",
)
write.add_to(app)
sign.add_to(app)
app.add_typer(keys.app, name="keys")


def _open(uri: str, config: Path, floor: Tip | None) -> tuple[MlflowClient, Ledger]:
    client, trust = connect(uri), read_trust(config, floor)
    return client, read_ledger(client, trust)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


@app.command()
def status(
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Show what is in Staging, in Production and in flight: judged, passed, not yet promoted.

    The tip, as FRAUD_LEDGER_FLOOR, lets other readers notice that entries were taken away.

    Example: python -m registry status --json
    """
    client, ledger = _open(tracking_uri, config, floor)
    staged, head, tip = candidates.staged(client), ledger.head, Tip.of(ledger)
    flying = in_flight(client, head)
    if as_json:
        _print_json(
            {
                "staging": int(staged.version) if staged else None,
                "production": output.entry_values(head) if head else None,
                "in_flight": [{"evidence_run": run, "candidate": name} for run, name in flying],
                "frozen": ledger.frozen,
                "findings": [str(one) for one in ledger.findings],
                "tip": str(tip) if tip else None,
            }
        )
        return
    typer.echo(f"Staging:    {f'candidate {staged.version}' if staged else 'nothing'}")
    typer.echo(f"Production: {head or 'nothing'}{' (frozen)' if ledger.frozen else ''}")
    for run, name in flying:
        typer.echo(f"in flight:  {name} passed its gates in evidence run {run}")
    for finding in ledger.findings:
        typer.echo(f"warning:    {finding}")
    if tip:
        typer.echo(f"tip:        {tip}")


@app.command()
def history(
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the history as CSV.")] = False,
) -> None:
    """Show every entry of the ledger: who, when, what, why, under which policy, on what evidence.

    Example: python -m registry history --csv > history.csv
    """
    _, ledger = _open(tracking_uri, config, floor)
    if as_json:
        _print_json([output.entry_values(link) for link in ledger.chain])
    elif as_csv:
        output.history_csv(ledger)
    else:
        output.history(ledger)


@app.command()
def verify(
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    floor: Floor = None,
    as_json: Json = False,
) -> None:
    """Check every signature and link, and every entry's files and evidence; name what is off.

    Exit code 3 when something is; a stale alias or tag is reported and is no failure.

    Example: python -m registry verify
    """
    client, ledger = _open(tracking_uri, config, floor)
    tip = Tip.of(ledger)
    problems = [str(finding) for finding in ledger.findings if finding.kind != "repeated"]
    problems += _damage(client, ledger)
    try:
        stale = [words for words, _ in stale_signs(client, ledger)]
    except RegistryError as error:  # no head: then there is nothing that a sign could show
        problems.append(str(error))
        stale = []
    if as_json:
        _print_json(
            {
                "entries": len(ledger.chain),
                "problems": problems,
                "stale": stale,
                "tip": str(tip) if tip else None,
            }
        )
    else:
        for problem in problems:
            typer.echo(f"problem: {problem}")
        for words in stale:
            typer.echo(f"stale:   {words}; `registry repair` puts it right")
        if tip:
            typer.echo(f"tip:     {tip}")
        typer.echo(f"{len(ledger.chain)} entries, {len(problems)} problems")
    if problems:
        raise typer.Exit(3)


def _damage(client: MlflowClient, ledger: Ledger) -> list[str]:
    """What is off with the files that the entries put in force, or else with their evidence."""
    problems: list[str] = []
    checked: set[tuple[str, str]] = set()
    for link in ledger.chain:
        entry = link.statement.entry
        # Freezes and rollbacks repeat files: those of one address and statement are hashed once.
        files = (entry.source, json.dumps(link.statement.files, sort_keys=True))
        if files in checked:
            continue
        checked.add(files)
        try:
            with tempfile.TemporaryDirectory(prefix="verify-") as folder:
                fetch_verified(Registry(client.tracking_uri), link, Path(folder))
            with fetched_evidence(client, entry.evidence):
                pass
        except RegistryError as error:
            problems.append(str(error))
    return problems


def main() -> None:
    """Run the command line; every way a user can fail ends in one line and its exit code."""
    for library in ("mlflow", "azure"):  # what they warn of is said in our one line
        logging.getLogger(library).setLevel(logging.ERROR)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        app(standalone_mode=True)
    except RegistryError as error:
        sys.stdout.flush()
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None

"""`python -m registry`: the commands, their options, and how their answers are shown."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from mlflow import MlflowClient
from securesystemslib.signer import Signer

from registry import candidates, evaluation, promotion, show
from registry.errors import RegistryError
from registry.ledger import Ledger
from registry.policy import SHIPPED
from registry.reader import fetch_verified
from registry.signs import stale_signs
from registry.store import connect, read_ledger
from registry.trust import Trust, create_ledger, open_signer, read_trust

app = typer.Typer(
    name="registry",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Stage, judge, promote and roll back fraud models. Exit codes: 0 done, 2 wrong use or "
    "input, 3 refused by a gate or by verification.",
)

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
TrackingUri = Annotated[
    str,
    typer.Option(envvar="MLFLOW_TRACKING_URI", help="The tracking server's address."),
]
Config = Annotated[
    Path,
    typer.Option(envvar="FRAUD_LEDGER_CONFIG", help="Ledger id and trusted public keys."),
]
SigningKey = Annotated[
    str,
    typer.Option(envvar="FRAUD_SIGNING_KEY", help="URI of the signing key (file2:PATH)."),
]
Approver = Annotated[
    str | None,
    typer.Option(help="Who approves, as realm:name. Default: the person at the keyboard."),
]
DEFAULT_CONFIG = Path(".local/ledger.yaml")
DEFAULT_KEY = Path(".local/signing-key.pem")
DEFAULT_KEY_URI = f"file2:{DEFAULT_KEY}"


def _open(uri: str, config: Path) -> tuple[MlflowClient, Trust, Ledger]:
    client, trust = connect(uri), read_trust(config)
    return client, trust, read_ledger(client, trust)


def _signer(uri: str, trust: Trust) -> Signer:
    return open_signer(uri, trust)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


@app.command()
def init(
    config: Config = DEFAULT_CONFIG,
    private_key: Annotated[Path, typer.Option(help="Where the new key goes.")] = DEFAULT_KEY,
) -> None:
    """Make a new ledger id and signing key; say where they are.

    Example: python -m registry init --config ledger.yaml --private-key signing-key.pem
    """
    trust = create_ledger(config, private_key)
    typer.echo(f"ledger {trust.ledger_id}: configuration {config}, signing key {private_key}")


@app.command()
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


@app.command()
def evaluate(
    rows: Annotated[Path, typer.Option(help="Parquet file of evaluation rows.")],
    candidate: Annotated[str, typer.Argument(help="Version, or `staging`.")] = candidates.STAGING,
    policy: Annotated[Path, typer.Option(help="The gates and their bounds.")] = SHIPPED,
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Judge a candidate and Production on the same rows; print what to approve.

    Example: python -m registry evaluate staging --rows rows.parquet
    """
    client, trust = connect(tracking_uri), read_trust(config)
    reference, evidence = evaluation.evaluate(client, trust, candidate, rows, policy)
    if as_json:
        _print_json({"evidence": str(reference), **evidence.model_dump(mode="json")})
    else:
        show.verdicts(evidence)
        typer.echo(str(reference))
    if evidence.failed:
        raise typer.Exit(3)


@app.command()
def promote(
    evidence: Annotated[str, typer.Argument(help="RUN@sha256:…, as `evaluate` printed it.")],
    approver: Approver = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    url: Annotated[str, typer.Option(help="Where the approval can be read.")] = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put approved evidence's files in Production: one signed entry in the ledger.

    Example: python -m registry promote 4f2a…@sha256:9c1e… --approver github:alice --comment "ok"
    """
    client, trust = connect(tracking_uri), read_trust(config)
    approval = promotion.Approval(approver or promotion.person_at_keyboard(), comment, url)
    link, is_new = promotion.promote(client, trust, _signer(signing_key, trust), evidence, approval)
    if as_json:
        _print_json(show.entry_values(link))
    else:
        typer.echo(f"in Production: {link}" if is_new else f"in Production already: {link}")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why; it goes on the record.")],
    to: Annotated[int | None, typer.Option(help="Ledger version. Default: the one before.")] = None,
    approver: Approver = None,
    url: Annotated[str, typer.Option(help="Where the approval can be read.")] = "",
    tracking_uri: TrackingUri = "",
    config: Config = DEFAULT_CONFIG,
    signing_key: SigningKey = DEFAULT_KEY_URI,
    as_json: Json = False,
) -> None:
    """Put an earlier model back in Production, on the record.

    Example: python -m registry rollback --to 2 --reason "too many false alerts since 09:00"
    """
    client, trust = connect(tracking_uri), read_trust(config)
    approval = promotion.Approval(approver or promotion.person_at_keyboard(), reason, url)
    link = promotion.rollback(client, trust, _signer(signing_key, trust), to, approval)
    if as_json:
        _print_json(show.entry_values(link))
    else:
        typer.echo(f"in Production: {link}")


@app.command()
def status(
    tracking_uri: TrackingUri = "", config: Config = DEFAULT_CONFIG, as_json: Json = False
) -> None:
    """Show what is in Staging and what is in Production.

    Example: python -m registry status --json
    """
    client, _, ledger = _open(tracking_uri, config)
    staged, head = candidates.staged(client), ledger.head
    if as_json:
        _print_json(
            {
                "staging": int(staged.version) if staged else None,
                "production": show.entry_values(head) if head else None,
                "findings": [str(one) for one in ledger.findings],
            }
        )
        return
    typer.echo(f"Staging:    {f'candidate {staged.version}' if staged else 'nothing'}")
    typer.echo(f"Production: {head or 'nothing'}")
    for finding in ledger.findings:
        typer.echo(f"warning:    {finding}")


@app.command()
def history(
    tracking_uri: TrackingUri = "", config: Config = DEFAULT_CONFIG, as_json: Json = False
) -> None:
    """Show every entry of the ledger: who, when, what, why, under which policy, on what evidence.

    Example: python -m registry history
    """
    _, _, ledger = _open(tracking_uri, config)
    if as_json:
        _print_json([show.entry_values(link) for link in ledger.chain])
    else:
        show.history(ledger)


@app.command()
def verify(
    tracking_uri: TrackingUri = "", config: Config = DEFAULT_CONFIG, as_json: Json = False
) -> None:
    """Check every signature and link, and every entry's bytes; name each thing that is off.

    Exit code 3 when something is; a stale alias or tag is reported and is no failure.

    Example: python -m registry verify
    """
    client, _, ledger = _open(tracking_uri, config)
    problems = [str(finding) for finding in ledger.findings if finding.kind != "repeated"]
    for link in ledger.chain:
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            try:
                fetch_verified(client, link, Path(folder))
            except RegistryError as error:
                problems.append(str(error))
    try:
        stale = [words for words, _ in stale_signs(client, ledger)]
    except RegistryError as error:  # no head: then there is nothing that a sign could show
        problems.append(str(error))
        stale = []
    if as_json:
        _print_json({"entries": len(ledger.chain), "problems": problems, "stale": stale})
    else:
        for problem in problems:
            typer.echo(f"problem: {problem}")
        for words in stale:
            typer.echo(f"stale:   {words}; `registry promote` with the same evidence repairs it")
        typer.echo(f"{len(ledger.chain)} entries, {len(problems)} problems")
    if problems:
        raise typer.Exit(3)


def main() -> None:
    """Run the command line; every way a user can fail ends in one line and its exit code."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        app(standalone_mode=True)
    except RegistryError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None

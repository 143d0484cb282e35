"""`python -m registry`: the program, and the commands that only read."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from registry.cli import compare, keys, output, prune, sign, watch, write
from registry.cli.session import Session, with_session
from registry.cli.stop import LOOK_FIRST, Stopped, stopped_by_signals
from registry.errors import RegistryError, UsageError
from registry.ledger.statement import format_time
from registry.ledger.tip import Tip
from registry.lifecycle.pending import pending
from registry.lifecycle.verified import Verified
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.overview import staged_version

# Before a command imports mlflow, which reads its settings then.
set_client_defaults()

app = typer.Typer(
    name="registry",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Stage, evaluate, promote and roll back fraud models. Exit codes: 0 success, 2 invalid "
    "usage or input, 3 refused by a gate or by verification.",
)
write.add_to(app)
sign.add_to(app)
app.command()(with_session(watch.watch))
app.command()(with_session(compare.compare))
app.command()(with_session(prune.prune))
app.add_typer(keys.app, name="keys")


@app.command()
@with_session
def status(*, session: Session) -> None:
    """Show Staging, Production, and the pending candidates: passed, but not promoted yet.

    With the tip in FRAUD_LEDGER_FLOOR, other readers detect if entries are deleted.

    Example: python -m registry status --json
    """
    registry, ledger = session.registry, session.ledger
    staged, head, tip = staged_version(registry), ledger.head, Tip.of(ledger)
    waiting = pending(registry, head)
    if session.as_json:
        output.print_json(
            {
                "staging": staged,
                "production": output.entry_values(head) if head else None,
                "pending": [candidate._asdict() for candidate in waiting],
                "frozen": ledger.frozen,
                "findings": [str(finding) for finding in ledger.findings],
                "tip": str(tip) if tip else None,
            }
        )
        return
    typer.echo(f"Staging:    {f'candidate {staged}' if staged else 'nothing'}")
    typer.echo(f"Production: {head or 'nothing'}{' (frozen)' if ledger.frozen else ''}")
    if head:
        entry = head.statement.entry
        why = f": {entry.comment}" if entry.comment else ""
        typer.echo(f"            since {format_time(entry.approved_at)}{why}")
        typer.echo(f"            {entry.verdict}")
    for run, candidate in waiting:
        typer.echo(f"pending:    {candidate} passed its gates in evidence run {run}")
    for finding in ledger.findings:
        typer.echo(f"warning:    {finding}")
    if tip:
        typer.echo(f"tip:        {tip}")


@app.command()
@with_session
def history(
    *,
    session: Session,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the history as CSV.")] = False,
) -> None:
    """Show every entry of the ledger: time, action, approver, reason, policy and evidence.

    Example: python -m registry history --csv > history.csv
    """
    if session.as_json:
        output.print_json([output.entry_values(link) for link in session.ledger.chain])
    elif as_csv:
        output.history_csv(session.ledger)
    else:
        output.history(session.ledger)


@app.command()
@with_session
def verify(
    *,
    session: Session,
    remember: Annotated[
        Path | None,
        typer.Option(
            help="File of what was verified, made if necessary: what it lists is not downloaded "
            "again for 30 days, except the model in force. An interrupted run is continued."
        ),
    ] = None,
) -> None:
    """Check every signature and link, and every entry's files and evidence; list the problems.

    Exits with 3 if there is a problem. A stale alias or tag is reported, but is not a problem; nor
    is a container of evidence without a policy of immutability.

    Example: python -m registry verify --remember verified.txt
    """
    from registry.lifecycle.verify import verify as verify_ledger

    verification = verify_ledger(session.client, session.ledger, Verified(remember))
    tip = str(verification.tip) if verification.tip else None
    if session.as_json:
        output.print_json({**asdict(verification), "tip": tip})
    else:
        for problem in verification.problems:
            typer.echo(f"problem: {problem}")
        for problem in verification.stale:
            typer.echo(f"stale:   {problem}; run `registry repair`")
        for warning in verification.warnings:
            typer.echo(f"warning: {warning}")
        if tip:
            typer.echo(f"tip:     {tip}")
        if verification.remembered:
            typer.echo(f"{verification.remembered} entries were verified before (--remember)")
        typer.echo(f"{verification.entries} entries, {len(verification.problems)} problems")
    if verification.problems:
        raise typer.Exit(3)


def main() -> None:
    """Run the command line; a RegistryError ends in one line and its exit code.

    So does a signal, and what the operating system refuses, such as a write to a full disk.
    """
    for library in ("mlflow", "azure"):  # errors are reported in one line, without their logs
        logging.getLogger(library).setLevel(logging.ERROR)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        with stopped_by_signals():
            app(standalone_mode=True)
    except Stopped as error:
        _print_error(str(error))
        # Without waiting for the threads of downloads: an exception of a signal's handler in the
        # middle of an import can leave its lock taken, on which they would wait for ever.
        os._exit(error.exit_code)
    except RegistryError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        _fail(f"{reason}; {LOOK_FIRST}", UsageError.exit_code)


def _fail(reason: str, exit_code: int) -> NoReturn:
    _print_error(reason)
    raise SystemExit(exit_code) from None


def _print_error(reason: str) -> None:
    for print_rest in (sys.stdout.flush, lambda: typer.echo(f"error: {reason}", err=True)):
        with suppress(OSError):  # what failed may be this output
            print_rest()

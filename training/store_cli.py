"""`python -m features`: fill a store of histories from training's files, check and describe it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from rich.markup import escape

from features.definitions import MAX_LATENESS_DAYS
from features.online import MICROSECONDS_PER_DAY, Plan
from features.stores.opening import SCHEMES, open_store
from features.stores.store import Stats, Store, StoreUnavailable
from registry.cli import output
from registry.errors import RegistryError, UsageError
from registry.progress import step, warn
from training.dataset import Dataset, read_dataset
from training.errors import BadInput
from training.past import as_data_time, read_past, time_of, until
from training.store_check import differences
from training.store_load import load_frame

_SHOWN = 20
"""Differences that are printed."""
_INTERRUPTED = 130
"""typer's exit code."""
_DIFFERENT = 3

app = typer.Typer(
    name="features",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Fill, check and describe the store that the service takes histories from. Exit codes: "
    "0 success, 2 invalid usage or input or a store that is away, 3 a difference.",
)
DataOption = Annotated[
    str,
    typer.Option(
        help="Parquet or CSV file, a folder of either, its address in Blob Storage, or `simulated`."
    ),
]
DatasetOption = Annotated[
    str, typer.Option(help="Data-set file: the name of a shipped one, or a path.")
]
StoreOption = Annotated[
    str,
    typer.Option(help=f"URL of the store: {'; '.join(SCHEMES.values())}."),
]
LatenessOption = Annotated[
    float,
    typer.Option(
        "--lateness-days", min=0, help="How late a transaction may come, as the service has it."
    ),
]
_Result = TypeVar("_Result")


@app.command()
def load(
    store: StoreOption,
    data: DataOption = "simulated",
    dataset: DatasetOption = "simulated",
    since: Annotated[str, typer.Option(help="Leave out what was before this time.")] = "",
    until_: Annotated[
        str,
        typer.Option(
            "--until", help="Leave out what came at this time or later, and labels not known then."
        ),
    ] = "",
    lateness_days: LatenessOption = MAX_LATENESS_DAYS,
) -> None:
    """Record the transactions of a data set with their labels, as far back as features look.

    Times without an offset are in the `zone` of the data-set file, if it has one.
    An interrupted load is continued by running it again: what is there already counts once.

    Example: python -m features load --data payments.parquet --dataset payments.yaml
    --store memory:/srv/history --until 2026-08-08
    """
    described = read_dataset(dataset)
    begin, end = (
        as_data_time(text, described.time.zone) if text else None for text in (since, until_)
    )
    with step("reading"):
        frame = until(read_past(data, described), described, end)
    if described.id is None:
        warn(
            "the data-set file has no `id`: the transactions are recorded as `row:N`, so that "
            "what a client sends again counts twice, and labels do not find them"
        )

    async def fill(opened: Store) -> None:
        new, first, rows = await load_frame(opened, frame, described, begin, end, lateness_days)
        typer.echo(f"{new:,} of {rows:,} transactions were new; complete from {first} on")

    _with_store(store, described, lateness_days, fill)


@app.command()
def check(
    store: StoreOption,
    data: DataOption = "simulated",
    dataset: DatasetOption = "simulated",
    sample: Annotated[int, typer.Option(min=1, help="Transactions to compare.")] = 1_000,
    lateness_days: LatenessOption = MAX_LATENESS_DAYS,
) -> None:
    """Compare features of random transactions, by the store and by training; list what differs.

    They are taken from the newest in the store and the days before it that one may come late. A
    folder keeps how many these are; for Redis, see --lateness-days.

    Example: python -m features check --data payments.parquet --dataset payments.yaml
    --store memory:/srv/history
    """
    described = read_dataset(dataset)
    with step("reading"):
        frame = read_past(data, described)
    compared, found = _with_store(
        store,
        described,
        lateness_days,
        lambda opened: differences(frame, described, opened, sample),
        is_read_only=True,
    )
    if found:
        table = output.table("Differences", "transaction", "time", "feature", "online", "offline")
        for each in found[:_SHOWN]:
            shown = (each.transaction.id, str(time_of(each.transaction.time)), each.feature or "")
            table.add_row(*map(escape, shown), str(each.online), str(each.offline))
        output.console().print(table)
    ids = {each.transaction.id for each in found}
    typer.echo(f"{compared:,} transactions compared: {len(ids):,} differ, {len(found):,} values")
    if found:
        raise typer.Exit(_DIFFERENT)


@app.command()
def stats(
    store: StoreOption,
    dataset: DatasetOption = "simulated",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Show what a store holds.

    Example: python -m features stats --dataset payments.yaml --store memory:/srv/history --json
    """
    described = read_dataset(dataset)
    held: Stats = _with_store(store, described, 0, lambda opened: opened.stats(), is_read_only=True)
    times = {name: _shown(getattr(held, name)) for name in ("newest", "complete_since")}
    if as_json:
        output.print_json({**asdict(held), **times})
        return
    table = output.table("Store", "what", "value")
    table.add_row("transactions", f"{held.transactions:,}")
    for kind, count in held.entities.items():
        table.add_row(escape(kind), f"{count:,}")
    table.add_row("newest", times["newest"] or "none")
    table.add_row("complete since", times["complete_since"] or "not stated")
    if held.bytes is not None:
        table.add_row("bytes", f"{held.bytes:,}")
    output.console().print(table)


def _shown(time: int | None) -> str | None:
    return None if time is None else time_of(time).isoformat()


def _with_store(
    url: str,
    dataset: Dataset,
    lateness_days: float,
    use: Callable[[Store], Awaitable[_Result]],
    *,
    is_read_only: bool = False,
) -> _Result:
    """Use a store that has a folder or a server, then close it."""
    if url.rstrip("/") == "memory:":
        raise UsageError("`memory:` keeps nothing: name a folder, such as `memory:/srv/history`")
    reach, lateness = Plan(dataset.history).reach, int(lateness_days * MICROSECONDS_PER_DAY)

    async def opened() -> _Result:
        with step("opening the store"):
            store = open_store(
                url,
                list(dataset.entities),
                reach=reach,
                lateness=lateness,
                is_read_only=is_read_only,
            )
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def main() -> None:
    """Run the command line; a known failure ends in one line and its exit code."""
    try:
        app()
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            typer.echo("\ninterrupted: what was loaded is kept; run it again to go on", err=True)
        raise
    except (BadInput, RegistryError, StoreUnavailable, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(getattr(error, "exit_code", UsageError.exit_code)) from None

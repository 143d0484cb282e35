"""The command line of `make bench-features`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.features import feast, latency, memory, redis, service, throughput
from benchmarks.growth.__main__ import show
from benchmarks.growth.row import Row
from benchmarks.inference.errors import CannotMeasure

ROWS: tuple[Row, ...] = (
    *memory.ROWS,
    *redis.ROWS,
    *service.ROWS,
    *throughput.ROWS,
    *latency.ROWS,
    *feast.ROWS,
)
NAMES = ", ".join(row.name for row in ROWS)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Rows to measure; all if none is named: {NAMES}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure small sizes.")] = False,
) -> None:
    """Measure stores of history: size, cost, and the exponent between two sizes.

    Example: make bench-features ARGS="add-redis fill-redis --quick"
    """
    if unknown := sorted(set(names or []) - {row.name for row in ROWS}):
        raise typer.BadParameter(f"no row is called {unknown[0]!r}; there are {NAMES}")
    for row in ROWS:
        if not names or row.name in names:
            try:
                show(row, row.quick if quick else row.full)
            except CannotMeasure as error:
                print(f"  not measured: {error}")


if __name__ == "__main__":
    typer.run(main)

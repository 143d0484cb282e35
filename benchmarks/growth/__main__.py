"""The command line of `make bench-growth`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.growth import (
    bodies,
    commands,
    evaluation,
    gates,
    ledger,
    metrics,
    requests,
    training,
)
from benchmarks.growth.row import Row, exponent

MODULES = (bodies, requests, metrics, evaluation, gates, training, ledger, commands)
ROWS: tuple[Row, ...] = tuple(row for module in MODULES for row in module.ROWS)
NAMES = ", ".join(row.name for row in ROWS)


def chosen_rows(names: list[str]) -> list[Row]:
    """The rows with these names, or all. Raises typer.BadParameter for an unknown name."""
    if unknown := sorted(set(names) - {row.name for row in ROWS}):
        raise typer.BadParameter(f"no row is called {unknown[0]!r}; there are {NAMES}")
    return [row for row in ROWS if not names or row.name in names]


def show(row: Row, sizes: tuple[int, ...]) -> None:
    """Measure a row and print each size as soon as it is measured."""
    print(f"{row.name}: {row.title}")
    print(f"{row.counted:>12}{row.unit:>14}{'slope':>12}{'exponent':>12}", flush=True)
    costs: list[float] = []
    for size in sizes:
        costs.append(row.cost(size))
        print(f"{size:12,}{costs[-1]:14,.3f}", end="")
        if len(costs) > 1:
            before = sizes[len(costs) - 2]
            print(f"{(costs[-1] - costs[-2]) / (size - before):12.2e}", end="")
            print(f"{exponent((before, size), (costs[-2], costs[-1])):12.2f}", end="")
        print(flush=True)


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Rows to measure; all if none is named: {NAMES}.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Measure the full sizes.")] = False,
) -> None:
    """Measure how cost grows with size: size, cost, and the slope and exponent from size to size.

    The slope is the cost of one more of what is counted.

    Example: make bench-growth ARGS="read unknown-fields --full"
    """
    for row in chosen_rows(names or []):
        show(row, row.full if full else row.quick)


if __name__ == "__main__":
    typer.run(main)

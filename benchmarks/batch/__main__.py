"""Rows per second and peak memory of batch scoring, by those of plain MLflow."""

from __future__ import annotations

import math
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.batch.data import FOLDER, MODEL, copies, prepare
from benchmarks.growth.process import measured
from benchmarks.paths import REPOSITORY

SPARK = REPOSITORY / ".spark"
"""Where `make spark` installs pyspark."""


@dataclass(frozen=True)
class Run:
    """Rows per second, rows per second of a processor, and the peak of the process in MB."""

    speed: float
    cpu_speed: float
    peak: float


def run(engine: str, source: Path, rows: int) -> Run:
    """Run an engine in a process of its own, and print what was measured."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as output:
        call = f"{engine}({str(MODEL)!r}, {str(source)!r}, {output + '/scores'!r})"
        printed, peak = measured(
            f"from benchmarks.batch.engines import {engine}; {call}",
            {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(SPARK)])},
        )
    seconds, cpu_seconds = map(float, printed.split()[-2:])
    found = Run(rows / seconds, rows / cpu_seconds, peak)
    line = f"  {engine:<12} {rows:>11,} rows {found.speed:>9,.0f} rows/s {peak:>6,.0f} MB"
    # The executors of Spark are other processes.
    print(
        line if engine == "spark_udf" else f"{line} {found.cpu_speed:>9,.0f} rows/CPU s", flush=True
    )
    return found


def main(
    rows: Annotated[
        list[int] | None, typer.Option(min=1, help="At least so many rows; may be repeated.")
    ] = None,
) -> None:
    """Score the Handbook's rows with their features, repeated, on all cores of the machine.

    MLflow's ways score the rows once, as their speed does not depend on the size, before ours and
    after it.

    Example: make bench-batch ARGS="--rows 5000000"
    """
    of_a_file = prepare()
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        once = copies(1, Path(folder) / "once")
        others: dict[str, list[Run]] = {"pandas_loop": [], "spark_udf": []}
        ours = []
        for is_first in (True, False):
            for name, found in others.items():
                found.append(run(name, once, of_a_file))
            for size in (rows or [5_000_000, 20_000_000]) if is_first else ():
                count = math.ceil(size / of_a_file)
                source = copies(count, Path(folder) / str(size))
                ours.append(run("ours", source, count * of_a_file))
    for (name, found), aim in zip(others.items(), (10, 5), strict=True):
        slowest = min(each.speed for each in ours)
        ratio = slowest / statistics.mean(each.speed for each in found)
        print(f"ours by {name}: {ratio:.1f} times the rows per second (aim {aim})")
    peaks = ", ".join(f"{each.peak:,.0f}" for each in ours)
    print(f"peak memory of ours: {peaks} MB (aim 600, and flat)")


if __name__ == "__main__":
    typer.run(main)

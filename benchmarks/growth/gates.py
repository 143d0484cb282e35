"""Memory of a whole evaluation, against the number of its rows, over few days and over many."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.growth.process import peak_megabytes
from benchmarks.growth.row import Row
from benchmarks.inference.production import POLICY, put_in_production
from deploy.local.processes import free_port, mlflow_server
from registry.evaluation.rows import CLUSTER, TIME

# With more rows a day, the alert budget may be too small: a refusal takes as much memory.
_PROGRAM = """
import sys; sys.argv[1:] = {}
from registry.cli.main import main
try:
    main()
except SystemExit as ended:
    if ended.code not in (0, 3):
        raise
"""


def write_more(source: Path, destination: Path, rows: int, days: int) -> None:
    """So many rows, spread evenly over the days: copies of others, of customers of their own."""
    few = pl.read_parquet(source)
    number = pl.int_range(pl.len())
    few[np.arange(rows) % len(few)].with_columns(
        (few[TIME].min() + number * (timedelta(days=days) / rows)).alias(TIME),
        pl.format("{} {}", CLUSTER, number // len(few)).alias(CLUSTER),
    ).write_parquet(destination, metadata=pl.read_parquet_metadata(source))


def peak_of_evaluation(rows: int, days: int) -> float:
    """`python -m registry evaluate` with a model in Production, gates and report included."""
    with (
        tempfile.TemporaryDirectory() as name,
        mlflow_server(Path(name) / "server", free_port()) as uri,
    ):
        folder = Path(name)
        production = put_in_production(uri, folder)
        write_more(folder / "rows.parquet", folder / "more.parquet", rows, days)
        arguments = ["evaluate", "1", "--rows", f"{name}/more.parquet", "--policy", str(POLICY)]
        return peak_megabytes(
            _PROGRAM.format(arguments),
            {"MLFLOW_TRACKING_URI": uri, "FRAUD_LEDGER_CONFIG": str(production.ledger_config)},
        )


ROWS = tuple(
    Row(
        f"gates-{days}-days",
        f"the most memory of a whole evaluation of rows over {days} days",
        "rows",
        "MB",
        (20_000, 40_000),
        (500_000, 2_000_000),
        partial(peak_of_evaluation, days=days),
    )
    for days in (37, 1036)
)

"""Memory of a whole training run, against the number of transactions."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from benchmarks.growth.process import peak_megabytes
from benchmarks.growth.row import Row
from training.simulate import simulate

BOOK_CUSTOMERS, BOOK_DAYS = 5_000, 183
ROWS_OF_A_CUSTOMER = 300
"""Fewer than most have, so that there are enough."""
NAMES = {
    "fraud": "TX_FRAUD",
    "time": "TX_DATETIME",
    "amount": "TX_AMOUNT",
    "customer_id": "CUSTOMER_ID",
    "terminal_id": "TERMINAL_ID",
}


def like_the_handbook(rows: int) -> pl.DataFrame:
    """So many transactions of half a year, with two terminals for each customer.

    More than the book's 5,000 customers are copies of them, each some seconds later.
    """
    copies = 1 + rows // (BOOK_CUSTOMERS * ROWS_OF_A_CUSTOMER)
    customers = 1 + rows // copies // ROWS_OF_A_CUSTOMER
    book = simulate(customers=customers, terminals=2 * customers, days=BOOK_DAYS)
    parts = [
        book.with_columns(
            pl.col("customer_id") + copy * customers,
            pl.col("terminal_id") + copy * 2 * customers,
            pl.col("time") + pl.duration(seconds=copy),
        )
        for copy in range(copies)
    ]
    return pl.concat(parts).sort("time").head(rows).rename(NAMES)


def peak_of_training(rows: int) -> float:
    """Read, features, split, fits, measures and model of `python -m training train`."""
    with tempfile.TemporaryDirectory() as folder:
        like_the_handbook(rows).write_parquet(Path(folder) / "payments.parquet")
        arguments = ["train", "--data", f"{folder}/payments.parquet"]
        arguments += ["--dataset", "handbook", "--register", "false"]
        return peak_megabytes(
            f"import sys; sys.argv[1:] = {arguments}; from training.cli import main; main()",
            {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "FRAUD_TRAINING_KEY": ""},
        )


ROWS = (
    Row(
        "training",
        "the most memory of a whole training run on transactions like the Handbook's",
        "rows",
        "MB",
        (20_000, 60_000),
        (1_750_000, 5_250_000, 15_750_000, 50_000_000),
        peak_of_training,
    ),
)

"""`make bench-training`: accuracy on the Handbook's and the ULB's data, and what a run costs."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import typer

from benchmarks.creditcard import CREDITCARD, DEFAULT, read_creditcard
from benchmarks.handbook import (
    BOOK,
    BOOK_TRAIN_DAYS,
    FOUR_WEEKS,
    OUR_TRAIN_DAYS,
    OURS,
    TEST_WEEK,
    TRANSACTIONS,
    Week,
    judge,
    read_handbook,
)
from benchmarks.pandas_features import applied_to_each_entity, grouped_rolling
from features.offline import add_calendar, add_history
from registry.model.scorer import Scorer
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.dataset import read_dataset
from training.fit import encode, labelled_rows, probabilities
from training.intervals import estimates
from training.split import split_data

REPOSITORY = Path(__file__).resolve().parents[1]
FITS = ("choosing the threshold", "fitting")
STEP = re.compile(r"^· (.+) … (\d+\.\d) s$", re.MULTILINE)


def line(what: str, ours: str, mark: str = "") -> None:
    print(f"  {what:<58} {ours:>24} {mark:>20}", flush=True)


def about(week: Week) -> str:
    return f"{week.average_precision:.3f} / {week.card_precision:.3f} / {week.roc_auc:.3f}"


def handbook_accuracy() -> None:
    """One test week and four, by the book's model and by ours."""
    print("Handbook: average precision / Card Precision@100 / ROC AUC")
    line("", "measured", "to reproduce or beat")
    book, ours = read_handbook("handbook"), read_handbook("handbook_extended")
    week = judge(book, BOOK, TEST_WEEK, BOOK_TRAIN_DAYS)
    line("logistic regression, the book's 15 features and split", about(week), ".606 / .291 / .871")
    weeks = [judge(ours, OURS, start, OUR_TRAIN_DAYS) for start in FOUR_WEEKS]
    line(
        f"ours, {OUR_TRAIN_DAYS} days of training, the same test week",
        about(weeks[0]),
        ".716 and .303",
    )
    for start, one in zip(FOUR_WEEKS[1:], weeks[1:], strict=True):
        line(f"ours, the week from {start:%Y-%m-%d}", about(one))
    mean = Week(*np.mean([list(asdict(one).values()) for one in weeks], axis=0).tolist())
    line("ours, mean of the four weeks", about(mean), ".694 and .305")


def creditcard_accuracy() -> float:
    """The last 30 % by time with the shipped defaults; the seconds of the bare fit and predict."""
    data = read_creditcard()
    split = split_data(data.frame, data.dataset)
    inputs = describe_inputs(data, split.train)
    start = time.perf_counter()
    pipeline = DEFAULT.fit(data, split.train, inputs)
    probabilities(pipeline, split.test, inputs)
    bare = time.perf_counter() - start
    contract = write_contract(data, "creditcard", split.train, inputs, 0.5, "not used")
    model = convert(pipeline, len(inputs)).SerializeToString()
    scores = Scorer(model, contract).score(encode(split.test, inputs))
    found = estimates(labelled_rows(data, split.test), scores, data.dataset.costs, 0.5)
    one = found["average_precision"]
    print("ULB: average precision on the last 30 % by time")
    line("the defaults", f"{one.value:.4f} ({one.lower:.3f} to {one.upper:.3f})", ".806")
    return bare


def feature_speed(rounds: int) -> None:
    """The book's features for all transactions, by the engine and by pandas in two ways."""
    dataset = read_dataset("handbook")
    transactions = pl.read_parquet(TRANSACTIONS)
    payments = pd.read_parquet(TRANSACTIONS).sort_values("TX_DATETIME", kind="stable")

    def engine() -> None:
        calendar = add_calendar(transactions, dataset.calendar_features, time="TX_DATETIME")
        add_history(
            calendar, dataset.history, time="TX_DATETIME", amount="TX_AMOUNT", label="TX_FRAUD"
        )

    ways: dict[str, Callable[[], object]] = {
        "the engine, all 15": engine,
        "pandas, 12, the book's way: applied to each entity": partial(
            applied_to_each_entity, payments
        ),
        "pandas, 12, the plain way: groupby().rolling()": partial(grouped_rolling, payments),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, compute in ways.items():
            start = time.perf_counter()
            compute()
            taken[way].append(time.perf_counter() - start)
    seconds = [statistics.median(one) for one in taken.values()]
    print(f"Features of {len(payments):,} transactions, median of {rounds} interleaved rounds")
    marks = [
        "10 s",
        f"{seconds[1] / seconds[0]:.0f} times as long",
        f"{seconds[2] / seconds[0]:.0f} times as long",
    ]
    for way, one, mark in zip(ways, seconds, marks, strict=True):
        line(way, f"{one:.2f} s", mark)


def whole_run(bare: float) -> None:
    """`mlflow run` on the ULB data, against the bare fit and predict of the same model."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        tracking = f"sqlite:///{folder}/mlflow.db"
        # Before the clock starts: tables are made once in a server's life, not once a run.
        mlflow.MlflowClient(tracking).create_experiment("bench", f"{folder}/artifacts")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking, "PATH": path}
        command = ["mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "bench"]
        given = ["-P", f"data={CREDITCARD}", "-P", "dataset=creditcard"]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *given],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        whole = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    steps = steps_of(done.stderr)
    fits = sum(seconds for what, seconds in steps if what.startswith(FITS))
    print("A whole `mlflow run` on the ULB data, without search")
    line("the bare fit and predict, in this process", f"{bare:.1f} s")
    line("the whole run", f"{whole:.1f} s")
    line("  of which its two fits: for the threshold, and the last", f"{fits:.1f} s")
    line("  beyond them", f"{whole - fits:.1f} s", "20 s")
    for what, seconds in steps:
        if not what.startswith(FITS):
            line(f"    {what.replace(str(CREDITCARD), CREDITCARD.name)}", f"{seconds:.1f} s")
    rest = whole - sum(seconds for _, seconds in steps)
    line("    starting mlflow and Python, database, registering", f"{rest:.1f} s")


def steps_of(errors: str) -> list[tuple[str, float]]:
    """What a run says took time, with the seconds, in order."""
    return [(what, float(seconds)) for what, seconds in STEP.findall(errors)]


def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of the features.")] = 3,
) -> None:
    """Print each measure beside its mark. The parameters were chosen on earlier weeks only."""
    if not (TRANSACTIONS.exists() and CREDITCARD.exists()):
        raise SystemExit("the data sets are not beside this checkout; see the README")
    handbook_accuracy()
    bare = creditcard_accuracy()
    feature_speed(rounds)
    whole_run(bare)


if __name__ == "__main__":
    typer.run(main)

"""`make bench-training`: accuracy on the Handbook's and the ULB data, and the time of a run."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple
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
    evaluate_week,
    read_handbook,
)
from benchmarks.pandas_features import applied_to_each_entity, grouped_rolling
from benchmarks.paths import REPOSITORY
from features.offline import add_calendar, add_history
from registry.model.scorer import Scorer
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.dataset import read_dataset
from training.evaluation_rows import labelled_rows
from training.fit import encode, probabilities
from training.intervals import estimates
from training.split import split_data

FITS = ("choosing the threshold", "fitting")
STEP = re.compile(r"^· (.+) … (\d+\.\d) s$", re.MULTILINE)


def print_row(name: str, measured: str, mark: str = "") -> None:
    print(f"  {name:<58} {measured:>24} {mark:>20}", flush=True)


def formatted(week: Week) -> str:
    return f"{week.average_precision:.3f} / {week.card_precision:.3f} / {week.roc_auc:.3f}"


def handbook_accuracy() -> None:
    """The book's model in its test week, and ours in that and three later weeks."""
    print("Handbook: average precision / Card Precision@100 / ROC AUC")
    print_row("", "measured", "to reproduce or beat")
    book, ours = read_handbook("handbook"), read_handbook("handbook_extended")
    week = formatted(evaluate_week(book, BOOK, TEST_WEEK, BOOK_TRAIN_DAYS))
    print_row("logistic regression, the book's 15 features and split", week, ".606 / .291 / .871")
    weeks = [evaluate_week(ours, OURS, start, OUR_TRAIN_DAYS) for start in FOUR_WEEKS]
    name = f"ours, {OUR_TRAIN_DAYS} days of training, the same test week"
    print_row(name, formatted(weeks[0]), ".716 and .303")
    for start, later in zip(FOUR_WEEKS[1:], weeks[1:], strict=True):
        print_row(f"ours, the week from {start:%Y-%m-%d}", formatted(later))
    mean = Week(*np.mean([astuple(week) for week in weeks], axis=0).tolist())
    print_row("ours, mean of the four weeks", formatted(mean), ".694 and .305")


def creditcard_accuracy() -> float:
    """Measure the shipped defaults on the last 30 % by time.

    Returns the seconds that fitting and predicting take by themselves.
    """
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
    measured = estimates(labelled_rows(data, split.test), scores, data.dataset.costs, 0.5)
    precision = measured["average_precision"]
    interval = f"({precision.lower:.3f} to {precision.upper:.3f})"
    print("ULB: average precision on the last 30 % by time")
    print_row("the defaults", f"{precision.value:.4f} {interval}", ".806")
    return bare


def feature_speed(rounds: int) -> None:
    """Time the book's features for all transactions: ours, and pandas in two ways."""
    dataset = read_dataset("handbook")
    transactions = pl.read_parquet(TRANSACTIONS)
    payments = pd.read_parquet(TRANSACTIONS).sort_values("TX_DATETIME", kind="stable")

    def ours() -> None:
        calendar = add_calendar(transactions, dataset.calendar_features, time="TX_DATETIME")
        add_history(
            calendar, dataset.history, time="TX_DATETIME", amount="TX_AMOUNT", label="TX_FRAUD"
        )

    ways: dict[str, Callable[[], object]] = {
        "features.offline, all 15": ours,
        "pandas, 12, as in the book": partial(applied_to_each_entity, payments),
        "pandas, 12, groupby().rolling()": partial(grouped_rolling, payments),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, compute in ways.items():
            start = time.perf_counter()
            compute()
            times[way].append(time.perf_counter() - start)
    seconds = [statistics.median(each) for each in times.values()]
    print(f"Features of {len(payments):,} transactions, median of {rounds} interleaved rounds")
    marks = [
        "10 s",
        f"{seconds[1] / seconds[0]:.0f} times as long",
        f"{seconds[2] / seconds[0]:.0f} times as long",
    ]
    for way, median, mark in zip(ways, seconds, marks, strict=True):
        print_row(way, f"{median:.2f} s", mark)


def whole_run(bare: float) -> None:
    """Time `mlflow run` on the ULB data, next to fitting and predicting with the same model."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        tracking = f"sqlite:///{folder}/mlflow.db"
        # Not timed: a server creates its tables once, not once per run.
        mlflow.MlflowClient(tracking).create_experiment("bench", f"{folder}/artifacts")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking, "PATH": path}
        command = ["mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "bench"]
        parameters = ["-P", f"data={CREDITCARD}", "-P", "dataset=creditcard"]
        start = time.perf_counter()
        run = subprocess.run(
            [*command, *parameters],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        whole = time.perf_counter() - start
    if run.returncode:
        raise SystemExit(run.stderr)
    steps = parse_steps(run.stderr)
    fits = sum(seconds for name, seconds in steps if name.startswith(FITS))
    print("A whole `mlflow run` on the ULB data, without search")
    print_row("fit and predict alone, in this process", f"{bare:.1f} s")
    print_row("the whole run", f"{whole:.1f} s")
    print_row("  its two fits: for the threshold, and the final one", f"{fits:.1f} s")
    print_row("  everything else", f"{whole - fits:.1f} s", "20 s")
    for name, seconds in steps:
        if not name.startswith(FITS):
            print_row(f"    {name.replace(str(CREDITCARD), CREDITCARD.name)}", f"{seconds:.1f} s")
    other = whole - sum(seconds for _, seconds in steps)
    print_row("    starting mlflow and Python, database, registration", f"{other:.1f} s")


def parse_steps(errors: str) -> list[tuple[str, float]]:
    """The steps that a run printed, with their seconds, in order."""
    return [(name, float(seconds)) for name, seconds in STEP.findall(errors)]


def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds for the features.")] = 3,
) -> None:
    """Print each measure next to its mark. All parameters were chosen on earlier rows only."""
    if not (TRANSACTIONS.exists() and CREDITCARD.exists()):
        raise SystemExit("the data sets are not beside this checkout; see docs/benchmarks.md")
    handbook_accuracy()
    bare = creditcard_accuracy()
    feature_speed(rounds)
    whole_run(bare)


if __name__ == "__main__":
    typer.run(main)

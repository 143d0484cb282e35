"""The Fraud Detection Handbook's protocol, and how the parameters for its data were chosen.

`python -m benchmarks.handbook` repeats that choice. It reads no day from 2018-08-01 on, a week
before the book's first test week, so that no label is used before it was known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import polars as pl
import typer
from numpy.typing import NDArray

from benchmarks.paths import DATA
from registry.evaluation.card_precision import RankedCards
from registry.evaluation.measures import detection
from registry.evaluation.metrics import LabelledRows
from registry.model.contract import Input
from registry.model.scorer import Scorer
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.data import Data, read_data
from training.dataset import read_dataset
from training.evaluation_rows import cluster_numbers, labelled_rows
from training.fit import Recipe, encode
from training.models import FRAUD_WEIGHT, MODELS
from training.search import Trial, search
from training.split import Split, drop_compromised

TRANSACTIONS = DATA / "handbook_transactions.parquet"
WEEK, DELAY = timedelta(days=7), timedelta(days=7)
TEST_WEEK = datetime(2018, 8, 8)
FOUR_WEEKS = tuple(TEST_WEEK + number * WEEK for number in range(4))
EARLIER_WEEKS = tuple(datetime(2018, 7, 4) + number * WEEK for number in range(4))
"""The test weeks of the search; the last of them ends on 2018-07-31."""

BOOK = Recipe("logistic_regression", MODELS["logistic_regression"].defaults, 0)
BOOK_TRAIN_DAYS = 7
OURS = Recipe(
    "hist_gradient_boosting",
    {
        "learning_rate": 0.07,
        "max_iter": 350,
        "max_leaf_nodes": 22,
        "min_samples_leaf": 50,
        "l2_regularization": 1.9,
        "max_features": 0.72,
        FRAUD_WEIGHT: 25,
    },
    0,
)
"""The best of three sets that `python -m benchmarks.handbook` tried on EARLIER_WEEKS, rounded."""

OUR_TRAIN_DAYS = 84
ALERTS = 100


@dataclass(frozen=True)
class Week:
    """Measures of a model in one test week, each between 0 and 1."""

    roc_auc: float
    average_precision: float
    card_precision: float


def read_handbook(dataset: str) -> Data:
    return read_data(str(TRANSACTIONS), read_dataset(dataset))


def week_split(data: Data, start: datetime, train_days: int) -> Split:
    """The test week from `start`, without compromised customers, and its training days.

    These are the last `train_days` days whose labels are known when the week starts.
    """
    frame, time = data.frame, pl.col("TX_DATETIME")
    end = start - DELAY
    week = frame.filter(time.is_between(start, start + WEEK, closed="left"))
    test = drop_compromised(week, frame, data.dataset)
    first = end - timedelta(days=train_days)
    return Split(frame.filter(time.is_between(first, end, closed="left")), test)


def evaluate_week(data: Data, recipe: Recipe, start: datetime, train_days: int) -> Week:
    """Fit a model, convert it to ONNX, and measure the ONNX model's scores on a test week."""
    split = week_split(data, start, train_days)
    inputs = describe_inputs(data, split.train)
    model = convert(recipe.fit(data, split.train, inputs), len(inputs))
    contract = write_contract(data, "handbook", split.train, inputs, 0.5, "not used")
    scores = Scorer(model.SerializeToString(), contract).score(encode(split.test, inputs))
    return measure(rows_by_customer(data, split.test), scores)


def rows_by_customer(data: Data, test: pl.DataFrame) -> LabelledRows:
    return replace(labelled_rows(data, test), clusters=cluster_numbers(test["CUSTOMER_ID"]))


def measure(rows: LabelledRows, scores: NDArray[np.float32]) -> Week:
    measures = detection(rows, scores, read_dataset("handbook").costs)
    cards = RankedCards(rows, scores).precision(ALERTS)
    return Week(measures["roc_auc"], measures["average_precision"], cards)


def with_fewer_genuine(split: Split, share: float) -> Split:
    """The split with all frauds of the training rows, and a random share of the others."""
    keep = np.random.default_rng(0).random(len(split.train)) < share
    return replace(split, train=split.train.filter(pl.Series(keep) | (pl.col("TX_FRAUD") == 1)))


def main(
    trials: Annotated[int, typer.Option(help="Number of parameter sets to try.")] = 3,
    share: Annotated[float, typer.Option(help="Share of the genuine rows to fit on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 0,
) -> None:
    """Choose parameters by the mean average precision over four weeks of July 2018."""
    data = read_handbook("handbook_extended")
    weeks = [week_split(data, start, OUR_TRAIN_DAYS) for start in EARLIER_WEEKS]
    folds = [with_fewer_genuine(week, share) for week in weeks]
    inputs: tuple[Input, ...] = describe_inputs(data, folds[0].train)
    # With fewer genuine rows, each fraud already counts 1 / share times as much.
    weight = max(1, round(OURS.parameters[FRAUD_WEIGHT] * share))
    recipe = replace(OURS, parameters={**OURS.parameters, FRAUD_WEIGHT: weight}, seed=seed)

    def on_trial(trial: Trial) -> None:
        parameters = dict(trial.recipe.parameters)
        parameters[FRAUD_WEIGHT] /= share
        values = ", ".join(f"{name} {value:.4g}" for name, value in parameters.items())
        print(f"  {trial.number}: {trial.mean['average_precision']:.4f}  {values}", flush=True)

    print(f"mean average precision over {len(folds)} weeks from {EARLIER_WEEKS[0]:%Y-%m-%d}")
    best = search(data, recipe, trials, folds, inputs, on_trial)
    print(f"best: {best.number}")


if __name__ == "__main__":
    typer.run(main)

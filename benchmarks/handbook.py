"""The Fraud Detection Handbook's protocol, and how the parameters for its data were chosen.

`python -m benchmarks.handbook` makes that choice: it looks at no day from 2018-08-01 on, which is a
week before the first test week of the book, so that no label is used before it was known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import polars as pl
import typer
from numpy.typing import NDArray

from registry.evaluation.card_precision import RankedCards
from registry.evaluation.measures import detection
from registry.evaluation.metrics import LabelledRows
from registry.model.contract import Input
from registry.model.scorer import Scorer
from tests.places import DATA
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.data import Data, read_data
from training.dataset import read_dataset
from training.fit import Recipe, encode, labelled_rows
from training.models import FRAUD_WEIGHT, MODELS
from training.search import Trial, search
from training.slices import numbered
from training.split import Split, drop_compromised

TRANSACTIONS = DATA / "handbook_transactions.parquet"
WEEK, DELAY = timedelta(days=7), timedelta(days=7)
TEST_WEEK = datetime(2018, 8, 8)
FOUR_WEEKS = tuple(TEST_WEEK + number * WEEK for number in range(4))
EARLIER_WEEKS = tuple(datetime(2018, 7, 4) + number * WEEK for number in range(4))
"""Test weeks to choose by: the last of them ends on 2018-07-31."""

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
"""The best of three sets that `python -m benchmarks.handbook` tried on `EARLIER_WEEKS`, rounded."""

OUR_TRAIN_DAYS = 84
ALERTS = 100


@dataclass(frozen=True)
class Week:
    """How well a model does in one test week, each measure between 0 and 1."""

    roc_auc: float
    average_precision: float
    card_precision: float


def read_handbook(dataset: str) -> Data:
    return read_data(str(TRANSACTIONS), read_dataset(dataset))


def week_split(data: Data, start: datetime, train_days: int) -> Split:
    """The week from `start`, compromised customers dropped, and the days that it may learn from."""
    frame, time = data.frame, pl.col("TX_DATETIME")
    known = start - DELAY
    week = frame.filter(time.is_between(start, start + WEEK, closed="left"))
    test = drop_compromised(week, frame, data.dataset)
    first = known - timedelta(days=train_days)
    return Split(frame.filter(time.is_between(first, known, closed="left")), test)


def judge(data: Data, recipe: Recipe, start: datetime, train_days: int) -> Week:
    """Fit, convert, and measure the converted model's own scores on a test week."""
    split = week_split(data, start, train_days)
    inputs = describe_inputs(data, split.train)
    model = convert(recipe.fit(data, split.train, inputs), len(inputs))
    contract = write_contract(data, "handbook", split.train, inputs, 0.5, "not used")
    scores = Scorer(model.SerializeToString(), contract).score(encode(split.test, inputs))
    return measure(judged_cards(data, split.test), scores)


def judged_cards(data: Data, test: pl.DataFrame) -> LabelledRows:
    return replace(labelled_rows(data, test), clusters=numbered(test["CUSTOMER_ID"]))


def measure(rows: LabelledRows, scores: NDArray[np.float32]) -> Week:
    found = detection(rows, scores, read_dataset("handbook").costs)
    cards = RankedCards(rows, scores).precision(ALERTS)
    return Week(found["roc_auc"], found["average_precision"], cards)


def thinned(split: Split, share: float) -> Split:
    """All frauds of the train rows, and a share of the others, drawn once."""
    keep = np.random.default_rng(0).random(len(split.train)) < share
    return replace(split, train=split.train.filter(pl.Series(keep) | (pl.col("TX_FRAUD") == 1)))


def main(
    trials: Annotated[int, typer.Option(help="Parameter sets to try.")] = 3,
    share: Annotated[float, typer.Option(help="Of the genuine rows to fit on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the search.")] = 0,
) -> None:
    """Choose parameters by the mean average precision over four weeks of July 2018."""
    data = read_handbook("handbook_extended")
    folds = [thinned(week_split(data, start, OUR_TRAIN_DAYS), share) for start in EARLIER_WEEKS]
    inputs: tuple[Input, ...] = describe_inputs(data, folds[0].train)
    # On a share of the genuine rows a fraud already counts 1 / share times as much.
    weight = max(1, round(OURS.parameters[FRAUD_WEIGHT] * share))
    parameters = {**OURS.parameters, FRAUD_WEIGHT: weight}

    def on_trial(trial: Trial) -> None:
        found = dict(trial.recipe.parameters)
        found[FRAUD_WEIGHT] /= share
        settings = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        print(f"  {trial.number}: {trial.mean['average_precision']:.4f}  {settings}", flush=True)

    print(f"mean average precision over {len(folds)} weeks from {EARLIER_WEEKS[0]:%Y-%m-%d}")
    best = search(
        data, replace(OURS, parameters=parameters, seed=seed), trials, folds, inputs, on_trial
    )
    print(f"best: {best.number}")


if __name__ == "__main__":
    typer.run(main)

"""How the shipped defaults of histogram boosting were chosen, on the ULB data.

`python -m benchmarks.creditcard` makes that choice: by the search that `mlflow run` makes, on its
folds inside the first 70 % of the data by time. It looks at no row of the last 30 %.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import polars as pl
import typer

from registry.model.contract import Input
from tests.places import DATA
from training.contract_writer import describe_inputs
from training.data import Data, read_data
from training.dataset import read_dataset
from training.fit import Recipe
from training.models import MODELS
from training.run import search_folds
from training.search import Trial, search
from training.split import Split, split_data

CREDITCARD = DATA / "creditcard.parquet"
DEFAULT = Recipe("hist_gradient_boosting", MODELS["hist_gradient_boosting"].defaults, 0)
FEW_TREES, RATES = 100, (0.1, 0.15, 0.2)
"""The trees that a default may cost, and the rates to try them at: fewer need a higher one."""


def read_creditcard() -> Data:
    return read_data(str(CREDITCARD), read_dataset("creditcard"))


def rows_to_choose_by(data: Data) -> tuple[pl.DataFrame, tuple[Split, ...]]:
    """The first 70 % of the data, and the folds inside them that a run's search would use."""
    train = split_data(data.frame, data.dataset).train
    return train, search_folds(data.dataset, train)


def made_cheap(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe with few trees, at each of the rates."""
    for rate in RATES:
        few = {"max_iter": FEW_TREES, "learning_rate": rate}
        yield replace(recipe, parameters={**recipe.parameters, **few})


def show(data: Data, trial: Trial, rows: pl.DataFrame, inputs: tuple[Input, ...]) -> None:
    """Print what a trial detects, what its fit on all the rows takes, and its parameters."""
    start = time.perf_counter()
    trial.recipe.fit_pipeline(data, rows, inputs)
    seconds = time.perf_counter() - start
    each = ", ".join(f"{one['average_precision']:.4f}" for one in trial.folds)
    settings = ", ".join(f"{name} {value:.4g}" for name, value in trial.recipe.parameters.items())
    print(
        f"  {trial.mean['average_precision']:.4f} ({each})  {seconds:.1f} s  {settings}", flush=True
    )


def main(
    trials: Annotated[int, typer.Option(help="Parameter sets to try.")] = 25,
    seed: Annotated[int, typer.Option(help="Of the fits and the search.")] = 0,
) -> None:
    """Try parameter sets, the defaults first; then the best of them with few trees."""
    data = read_creditcard()
    train, folds = rows_to_choose_by(data)
    inputs = describe_inputs(data, train)

    def on_trial(trial: Trial) -> None:
        show(data, trial, train, inputs)

    print(f"mean average precision (of each fold), seconds to fit {len(train):,} rows, parameters")
    best = search(data, replace(DEFAULT, seed=seed), trials, folds, inputs, on_trial)
    print(f"the best, {best.mean['average_precision']:.4f}, with {FEW_TREES} trees")
    for recipe in made_cheap(best.recipe):
        search(data, recipe, 1, folds, inputs, on_trial)


if __name__ == "__main__":
    typer.run(main)

"""How the shipped defaults of histogram gradient boosting were chosen, on the ULB data.

`python -m benchmarks.creditcard` repeats that choice with the search of `mlflow run`, on its folds
within the first 70 % of the data by time. It never reads the last 30 %, on which the defaults are
measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import polars as pl
import typer

from benchmarks.paths import DATA
from registry.model.contract import Input
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
FEW_TREES, LEARNING_RATES = 100, (0.1, 0.15, 0.2)
"""The number of trees of the defaults, and the rates to try: fewer trees need a higher rate."""


def read_creditcard() -> Data:
    return read_data(str(CREDITCARD), read_dataset("creditcard"))


def selection_rows(data: Data) -> tuple[pl.DataFrame, tuple[Split, ...]]:
    """The first 70 % of the data, and the folds inside them that a run's search would use."""
    train = split_data(data.frame, data.dataset).train
    return train, search_folds(data.dataset, train)


def with_few_trees(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe with FEW_TREES trees, at each learning rate."""
    for rate in LEARNING_RATES:
        fewer = {"max_iter": FEW_TREES, "learning_rate": rate}
        yield replace(recipe, parameters={**recipe.parameters, **fewer})


def print_trial(data: Data, trial: Trial, rows: pl.DataFrame, inputs: tuple[Input, ...]) -> None:
    """Print a trial's average precision, the seconds to fit it on `rows`, and its parameters."""
    start = time.perf_counter()
    trial.recipe.fit_pipeline(data, rows, inputs)
    seconds = time.perf_counter() - start
    folds = ", ".join(f"{fold['average_precision']:.4f}" for fold in trial.folds)
    values = ", ".join(f"{name} {value:.4g}" for name, value in trial.recipe.parameters.items())
    mean = trial.mean["average_precision"]
    print(f"  {mean:.4f} ({folds})  {seconds:.1f} s  {values}", flush=True)


def main(
    trials: Annotated[int, typer.Option(help="Number of parameter sets to try.")] = 25,
    seed: Annotated[int, typer.Option(help="Seed of the fits and the search.")] = 0,
) -> None:
    """Try parameter sets, the defaults first; then the best of them with few trees."""
    data = read_creditcard()
    train, folds = selection_rows(data)
    inputs = describe_inputs(data, train)

    def on_trial(trial: Trial) -> None:
        print_trial(data, trial, train, inputs)

    print(f"mean average precision (per fold), seconds to fit {len(train):,} rows, parameters")
    best = search(data, replace(DEFAULT, seed=seed), trials, folds, inputs, on_trial)
    print(f"the best, {best.mean['average_precision']:.4f}, with {FEW_TREES} trees")
    for recipe in with_few_trees(best.recipe):
        search(data, recipe, 1, folds, inputs, on_trial)


if __name__ == "__main__":
    typer.run(main)

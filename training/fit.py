"""Fitting: from rows and a recipe to a scikit-learn pipeline, with or without a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
import polars as pl
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from registry.contract import Input
from registry.metrics import Detection, JudgedRows, budget_threshold, detection
from registry.scorer import encode_columns
from training.data import Data
from training.models import MODELS, Columns, Parameters
from training.split import Split


def encode(rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    """The model's inputs of `rows` as float32 of shape (n, inputs), as the service encodes them."""
    columns: dict[str, NDArray[np.float64] | list[str | None]] = {
        one.name: rows[one.name].to_list() if one.kind == "category" else rows[one.name].to_numpy()
        for one in inputs
    }
    return encode_columns(columns, inputs)


def judged(data: Data, rows: pl.DataFrame) -> JudgedRows:
    """What `rows` are judged by: their labels, days and amounts."""
    dataset = data.dataset
    return JudgedRows(
        labels=data.labels(rows),
        days=rows[dataset.time.column].dt.epoch("d").to_numpy().astype(np.int64),
        amounts=rows[dataset.amount].to_numpy(),
    )


@dataclass(frozen=True)
class Recipe:
    """A model's name with the parameters and the seed to fit it with."""

    model: str
    parameters: Parameters
    seed: int

    def fit(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Pipeline:
        sizes = [len(one.categories) for one in inputs if one.kind == "category"]
        columns = Columns(len(inputs) - len(sizes), sizes)
        pipeline = MODELS[self.model].build(columns, self.parameters, self.seed)
        return pipeline.fit(encode(rows, inputs), data.labels(rows))


def probabilities(
    pipeline: Pipeline, rows: pl.DataFrame, inputs: Sequence[Input]
) -> NDArray[np.float32]:
    both = pipeline.predict_proba(encode(rows, inputs))
    return np.asarray(both[:, 1], dtype=np.float32)


@dataclass(frozen=True)
class Validated:
    """A recipe, the threshold that keeps its alerts within the budget, and how well it detects."""

    recipe: Recipe
    threshold: float
    detection: Detection


def validate(data: Data, recipe: Recipe, split: Split, inputs: Sequence[Input]) -> Validated:
    """Fit on the earlier part of the training rows and choose the threshold on the later one."""
    pipeline = recipe.fit(data, split.train, inputs)
    scores = probabilities(pipeline, split.test, inputs)
    rows, costs = judged(data, split.test), data.dataset.costs
    threshold = budget_threshold(scores, costs.budget_per_day * len(np.unique(rows.days)))
    measured = detection(rows, scores, costs)
    return Validated(recipe, threshold, measured)


def search(
    data: Data,
    recipe: Recipe,
    trials: int,
    split: Split,
    inputs: Sequence[Input],
    on_trial: Callable[[int, Validated], None],
) -> Validated:
    """Try `trials` sets of parameters (the defaults first); the best average precision wins.

    Method: tree-structured Parzen estimator (Bergstra et al., 2011), as Optuna implements it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=recipe.seed)
    )
    tried: list[Validated] = [validate(data, recipe, split, inputs)]
    on_trial(0, tried[0])
    for number in range(1, trials):
        trial = study.ask()
        parameters = MODELS[recipe.model].suggest(trial)
        one = validate(data, Recipe(recipe.model, parameters, recipe.seed), split, inputs)
        study.tell(trial, one.detection.average_precision)
        tried.append(one)
        on_trial(number, one)
    return max(tried, key=lambda one: one.detection.average_precision)

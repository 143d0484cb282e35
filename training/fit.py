"""Fitting: from rows and a recipe to a scikit-learn model, with a threshold for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from registry.evaluation.measures import detection
from registry.model.contract import Input
from registry.model.scorer import encode_columns
from training.calibrate import CalibratedPipeline, Sigmoid, choose_sigmoid, margins, unweighted
from training.data import Data
from training.evaluation_rows import labelled_rows
from training.models import FRAUD_WEIGHT, MODELS, InputColumns, Parameters
from training.split import Split
from training.threshold import choose_threshold

Model: TypeAlias = Pipeline | CalibratedPipeline


def encode(rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    """The model's inputs of `rows` as float32 of shape (n, inputs), as the service encodes them."""
    columns: dict[str, NDArray[np.float64] | list[str | None]] = {}
    for each in inputs:
        column = rows[each.name]
        columns[each.name] = column.to_list() if each.kind == "category" else column.to_numpy()
    return encode_columns(columns, inputs)


def repeat_frauds(
    rows: NDArray[np.float32], labels: NDArray[np.int8], times: int
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Encoded rows and their labels, in order, with each fraud repeated in place `times` times."""
    # Histogram boosting bins a feature at 255 quantiles of its rows. Without repetition, all frauds
    # are in the last bin, and amounts above a limit (the Handbook's first scenario) cannot be told
    # from those just below it, which exact splits can do. Weights would give the same quantiles,
    # but scikit-learn sorts a column for each of them.
    if times == 1:
        return rows, labels
    counts = np.where(labels == 1, times, 1)
    return np.repeat(rows, counts, axis=0), np.repeat(labels, counts)


@dataclass(frozen=True)
class Recipe:
    """How to fit a model: its name, parameters and seed, and a sigmoid if it is calibrated."""

    model: str
    parameters: Parameters
    seed: int
    sigmoid: Sigmoid | None = None

    @property
    def fraud_weight(self) -> int:
        """How many times each fraud is fitted on; 1 if the model has no such parameter."""
        weight: int = self.parameters.get(FRAUD_WEIGHT, 1)
        return weight

    def fit(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Model:
        """Fit on `rows`, and apply the sigmoid if there is one."""
        return self.calibrated(self.fit_pipeline(data, rows, inputs))

    def calibrated(self, pipeline: Pipeline) -> Model:
        return CalibratedPipeline(pipeline, self.sigmoid) if self.sigmoid else pipeline

    def fit_pipeline(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Pipeline:
        sizes = [len(each.categories) for each in inputs if each.kind == "category"]
        columns = InputColumns(len(inputs) - len(sizes), sizes)
        pipeline = MODELS[self.model].build(columns, self.parameters, self.seed)
        repeated = repeat_frauds(encode(rows, inputs), data.labels(rows), self.fraud_weight)
        return pipeline.fit(*repeated)


def probabilities(model: Model, rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    """The probability of fraud of each row, shape (n,)."""
    of_both_classes = model.predict_proba(encode(rows, inputs))
    return np.asarray(of_both_classes[:, 1], dtype=np.float32)


def detect(data: Data, recipe: Recipe, split: Split, inputs: Sequence[Input]) -> dict[str, float]:
    """Fit on the earlier part of a split and measure on its later part; measures by name."""
    model = recipe.fit(data, split.train, inputs)
    scores = probabilities(model, split.test, inputs)
    return detection(labelled_rows(data, split.test), scores, data.dataset.costs)


@dataclass(frozen=True)
class ValidatedRecipe:
    """A recipe with the threshold chosen for it, and its measures on the validation rows."""

    recipe: Recipe
    threshold: float
    detection: dict[str, float]


def validate(data: Data, recipe: Recipe, split: Split, inputs: Sequence[Input]) -> ValidatedRecipe:
    """Fit on the earlier part of the training rows; choose calibration and threshold on the later.

    The returned recipe includes the calibration, for the fit on all training rows.
    """
    encoded = encode(split.test, inputs)
    pipeline = recipe.fit_pipeline(data, split.train, inputs)
    weight = recipe.fraud_weight
    plain = replace(recipe, sigmoid=unweighted(weight) if weight != 1 else None)
    before = np.asarray(plain.calibrated(pipeline).predict_proba(encoded)[:, 1], dtype=np.float64)
    sigmoid = choose_sigmoid(margins(pipeline, encoded), before, data.labels(split.test))
    chosen = replace(recipe, sigmoid=sigmoid) if sigmoid else plain
    scores = probabilities(chosen.calibrated(pipeline), split.test, inputs)
    rows, costs = labelled_rows(data, split.test), data.dataset.costs
    threshold = choose_threshold(data.dataset, rows, scores)
    return ValidatedRecipe(chosen, threshold, detection(rows, scores, costs))

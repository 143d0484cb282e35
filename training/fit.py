"""Fitting: from rows and a recipe to a scikit-learn pipeline, with a threshold for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from registry.evaluation.measures import detection
from registry.evaluation.metrics import LabelledRows
from registry.model.contract import Input
from registry.model.scorer import encode_columns
from training.calibrate import Calibrated, Sigmoid, choose_sigmoid, margins, unweighted
from training.data import Data
from training.models import FRAUD_WEIGHT, MODELS, Columns, Parameters
from training.split import Split
from training.threshold import choose_threshold


def encode(rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    """The model's inputs of `rows` as float32 of shape (n, inputs), as the service encodes them."""
    columns: dict[str, NDArray[np.float64] | list[str | None]] = {
        one.name: rows[one.name].to_list() if one.kind == "category" else rows[one.name].to_numpy()
        for one in inputs
    }
    return encode_columns(columns, inputs)


def labelled_rows(data: Data, rows: pl.DataFrame) -> LabelledRows:
    """What `rows` are judged by: their labels, days and amounts."""
    dataset = data.dataset
    return LabelledRows(
        labels=data.labels(rows),
        days=rows[dataset.time.column].dt.epoch("d").to_numpy().astype(np.int64),
        amounts=rows[dataset.amount].to_numpy(),
    )


Model: TypeAlias = Pipeline | Calibrated


def repeat_frauds(
    rows: NDArray[np.float32], labels: NDArray[np.int8], times: int
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Encoded rows and their labels, in order, with each fraud `times` times where it stood."""
    # Histogram boosting bins a feature at 255 quantiles of its rows. With each fraud there once,
    # all are in the last of them, and amounts above a limit (the Handbook's first scenario) cannot
    # be told from those just below it: that is what it loses against exact splits. Weights instead
    # of repeated rows make the same quantiles, but scikit-learn sorts a column for each of them.
    if times == 1:
        return rows, labels
    counts = np.where(labels == 1, times, 1)
    return np.repeat(rows, counts, axis=0), np.repeat(labels, counts)


@dataclass(frozen=True)
class Recipe:
    """A model's name with the parameters and the seed to fit it with, and its calibration."""

    model: str
    parameters: Parameters
    seed: int
    sigmoid: Sigmoid | None = None

    @property
    def fraud_weight(self) -> int:
        """How many times each fraud is fitted on; once, where the model has no such parameter."""
        weight: int = self.parameters.get(FRAUD_WEIGHT, 1)
        return weight

    def fit(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Model:
        """Fit on `rows` and put the sigmoid on top, where there is one."""
        return self.calibrated(self.fit_pipeline(data, rows, inputs))

    def calibrated(self, pipeline: Pipeline) -> Model:
        return Calibrated(pipeline, self.sigmoid) if self.sigmoid else pipeline

    def fit_pipeline(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Pipeline:
        sizes = [len(one.categories) for one in inputs if one.kind == "category"]
        columns = Columns(len(inputs) - len(sizes), sizes)
        pipeline = MODELS[self.model].build(columns, self.parameters, self.seed)
        repeated = repeat_frauds(encode(rows, inputs), data.labels(rows), self.fraud_weight)
        return pipeline.fit(*repeated)


def probabilities(model: Model, rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    both = model.predict_proba(encode(rows, inputs))
    return np.asarray(both[:, 1], dtype=np.float32)


def detect(data: Data, recipe: Recipe, split: Split, inputs: Sequence[Input]) -> dict[str, float]:
    """Fit on the split's earlier part and measure on its later one."""
    model = recipe.fit(data, split.train, inputs)
    scores = probabilities(model, split.test, inputs)
    return detection(labelled_rows(data, split.test), scores, data.dataset.costs)


@dataclass(frozen=True)
class Validated:
    """A recipe, the threshold that was chosen for it, and how well it detects."""

    recipe: Recipe
    threshold: float
    detection: dict[str, float]


def validate(data: Data, recipe: Recipe, split: Split, inputs: Sequence[Input]) -> Validated:
    """Fit on the earlier part of the training rows; choose calibration and threshold on the later.

    The recipe that comes back holds the calibration, for the fit on all training rows.
    """
    encoded = encode(split.test, inputs)
    pipeline = recipe.fit_pipeline(data, split.train, inputs)
    weight = recipe.fraud_weight
    plain = replace(recipe, sigmoid=unweighted(weight) if weight != 1 else None)
    before = np.asarray(plain.calibrated(pipeline).predict_proba(encoded)[:, 1], dtype=np.float64)
    fitted = choose_sigmoid(margins(pipeline, encoded), before, data.labels(split.test))
    chosen = replace(recipe, sigmoid=fitted) if fitted else plain
    scores = probabilities(chosen.calibrated(pipeline), split.test, inputs)
    rows, costs = labelled_rows(data, split.test), data.dataset.costs
    threshold = choose_threshold(data.dataset, rows, scores)
    return Validated(chosen, threshold, detection(rows, scores, costs))

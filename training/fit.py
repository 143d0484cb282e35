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
from training.dataset import Dataset
from training.errors import BadInput
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


def sample_to_fit(rows: pl.DataFrame, dataset: Dataset, seed: int) -> pl.DataFrame:
    """The rows themselves, or `max_fit_rows` of them in the same order.

    Each row is as likely as any other, whatever its label, so that probabilities need no
    correction, and calibration and threshold are chosen on all rows of the later days. Raises
    BadInput for a sample of one class.
    """
    if len(rows) <= dataset.max_fit_rows:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), dataset.max_fit_rows, replace=False)
    chosen.sort()
    sample = rows.select(dataset.label, *dataset.inputs)[chosen]
    if sample[dataset.label].n_unique() < 2:
        raise BadInput(
            f"a sample of {dataset.max_fit_rows:,} training rows has no frauds, or nothing else: "
            "raise `max_fit_rows` in the data-set file"
        )
    return sample


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
        """Fit on `rows`, or a sample of them, and apply the sigmoid if there is one."""
        return self.calibrated(self.fit_pipeline(data, rows, inputs))

    def calibrated(self, pipeline: Pipeline) -> Model:
        return CalibratedPipeline(pipeline, self.sigmoid) if self.sigmoid else pipeline

    def fit_pipeline(self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]) -> Pipeline:
        sizes = [len(each.categories) for each in inputs if each.kind == "category"]
        columns = InputColumns(len(inputs) - len(sizes), sizes)
        pipeline = MODELS[self.model].build(columns, self.parameters, self.seed)
        return pipeline.fit(*self._examples(data, rows, inputs))

    def _examples(
        self, data: Data, rows: pl.DataFrame, inputs: Sequence[Input]
    ) -> tuple[NDArray[np.floating], NDArray[np.int8]]:
        """The encoded rows and labels to fit on, without what they were made from."""
        rows = sample_to_fit(rows, data.dataset, self.seed)
        encoded, labels = repeat_frauds(encode(rows, inputs), data.labels(rows), self.fraud_weight)
        return encoded.astype(MODELS[self.model].fits_on, copy=False), labels


def probabilities(model: Model, rows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float32]:
    """The probability of fraud of each row, shape (n,)."""
    return _probabilities(model, encode(rows, inputs)).astype(np.float32)


def _probabilities(model: Model, encoded: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(model.predict_proba(encoded)[:, 1], dtype=np.float64)


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
    pipeline = recipe.fit_pipeline(data, split.train, inputs)
    encoded = encode(split.test, inputs)
    weight = recipe.fraud_weight
    plain = replace(recipe, sigmoid=unweighted(weight) if weight != 1 else None)
    before = _probabilities(plain.calibrated(pipeline), encoded)
    sigmoid = choose_sigmoid(margins(pipeline, encoded), before, data.labels(split.test))
    chosen = replace(recipe, sigmoid=sigmoid) if sigmoid else plain
    scores = _probabilities(chosen.calibrated(pipeline), encoded).astype(np.float32)
    rows, costs = labelled_rows(data, split.test), data.dataset.costs
    threshold = choose_threshold(data.dataset, rows, scores)
    return ValidatedRecipe(chosen, threshold, detection(rows, scores, costs))

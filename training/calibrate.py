"""Calibration of probabilities, by a method that can be converted to ONNX."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sigmoid:
    """Margin to probability: 1 / (1 + exp(-(slope * margin + intercept)))."""

    slope: float
    intercept: float

    def __call__(self, margins: Floats) -> Floats:
        # As log(1 + exp(-x)), which does not overflow for a margin such as -1000.
        return np.exp(-np.logaddexp(0.0, -(self.slope * margins + self.intercept)))


@dataclass(frozen=True)
class CalibratedPipeline:
    """A fitted pipeline whose margins go through a sigmoid; with the interface of scikit-learn."""

    pipeline: Pipeline
    sigmoid: Sigmoid

    def predict_proba(self, rows: NDArray[np.float32]) -> Floats:
        """Probabilities of both classes, shape (n, 2), for encoded rows."""
        fraud = self.sigmoid(margins(self.pipeline, rows))
        return np.column_stack([1 - fraud, fraud])


def margins(pipeline: Pipeline, rows: NDArray[np.float32]) -> Floats:
    """The input of a sigmoid, shape (n,): log-odds, or the probability if a model has none."""
    if hasattr(pipeline, "decision_function"):
        values = pipeline.decision_function(rows)
    else:
        values = pipeline.predict_proba(rows)[:, 1]
    return np.asarray(values, dtype=np.float64)


def unweighted(fraud_weight: float) -> Sigmoid:
    """The sigmoid that undoes, in log-odds, a fit that counted each fraud `fraud_weight` times.

    Method: Elkan, The Foundations of Cost-Sensitive Learning (IJCAI 2001), theorem 2.
    """
    return Sigmoid(slope=1.0, intercept=-math.log(fraud_weight))


def choose_sigmoid(
    margins: Floats, probabilities: Floats, labels: NDArray[np.int8]
) -> Sigmoid | None:
    """A sigmoid fitted to the margins of validation rows, or None if it would not help.

    `probabilities` are those without it; all arrays have shape (n,), in order of time. Fitted on
    the earlier half of the rows, the sigmoid must lower the log loss on the later half.

    Method: Platt, Probabilistic Outputs for Support Vector Machines (1999).
    """
    half = len(labels) // 2
    if any(len(np.unique(part)) < 2 for part in (labels[:half], labels[half:])):
        return None
    trial, chosen = _fit_sigmoid(margins[:half], labels[:half]), _fit_sigmoid(margins, labels)
    before = log_loss(labels[half:], probabilities[half:])
    after = log_loss(labels[half:], trial(margins[half:]))
    # A negative slope would reverse the ranking.
    return chosen if after < before and min(trial.slope, chosen.slope) > 0 else None


def _fit_sigmoid(margins: Floats, labels: NDArray[np.int8]) -> Sigmoid:
    model = LogisticRegression(C=1000.0).fit(margins.reshape(-1, 1), labels)
    return Sigmoid(float(model.coef_[0, 0]), float(model.intercept_[0]))

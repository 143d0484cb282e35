"""Calibration: making a probability mean what it says, by a method that survives the conversion."""

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
        # log(1 + exp(-x)) that does not overflow for a margin of minus a thousand.
        return np.exp(-np.logaddexp(0.0, -(self.slope * margins + self.intercept)))


@dataclass(frozen=True)
class Calibrated:
    """A fitted pipeline whose margins go through a sigmoid; it predicts as scikit-learn does."""

    pipeline: Pipeline
    sigmoid: Sigmoid

    def predict_proba(self, rows: NDArray[np.float32]) -> Floats:
        """Probabilities of both classes, shape (n, 2), for encoded rows."""
        fraud = self.sigmoid(margins(self.pipeline, rows))
        return np.column_stack([1 - fraud, fraud])


def margins(pipeline: Pipeline, rows: NDArray[np.float32]) -> Floats:
    """What a sigmoid is put on, shape (n,): log-odds, or the probability of a model without any."""
    if hasattr(pipeline, "decision_function"):
        given = pipeline.decision_function(rows)
    else:
        given = pipeline.predict_proba(rows)[:, 1]
    return np.asarray(given, dtype=np.float64)


def unweighted(fraud_weight: float) -> Sigmoid:
    """What undoes, in log-odds, a fit that counted each fraud `fraud_weight` times.

    Method: Elkan, The Foundations of Cost-Sensitive Learning (IJCAI 2001), theorem 2.
    """
    return Sigmoid(slope=1.0, intercept=-math.log(fraud_weight))


def choose_sigmoid(
    found: Floats, probabilities: Floats, labels: NDArray[np.int8]
) -> Sigmoid | None:
    """A sigmoid fitted to validation rows, or None where it would not help.

    `found` are the margins and `probabilities` what is used without it, both of shape (n,) in time
    order. Fitted on their earlier half, the sigmoid must lower the log loss on the later one.

    Method: Platt, Probabilistic Outputs for Support Vector Machines (1999).
    """
    half = len(labels) // 2
    if any(len(np.unique(part)) < 2 for part in (labels[:half], labels[half:])):
        return None
    trial, chosen = _fitted(found[:half], labels[:half]), _fitted(found, labels)
    before = log_loss(labels[half:], probabilities[half:])
    after = log_loss(labels[half:], trial(found[half:]))
    # A slope below 0 would turn the ranking around.
    return chosen if after < before and min(trial.slope, chosen.slope) > 0 else None


def _fitted(found: Floats, labels: NDArray[np.int8]) -> Sigmoid:
    model = LogisticRegression(C=1000.0).fit(found.reshape(-1, 1), labels)
    return Sigmoid(float(model.coef_[0, 0]), float(model.intercept_[0]))

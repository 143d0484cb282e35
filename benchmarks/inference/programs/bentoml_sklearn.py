# BentoML is installed in its own environment.
# mypy: ignore-errors
"""A scikit-learn model in BentoML, as in its documentation of services."""

from __future__ import annotations

import bentoml
import numpy as np


@bentoml.service(logging={"access": {"enabled": False}})
class Fraud:
    """Scores rows with the model from BentoML's model store."""

    reference = bentoml.models.BentoModel("fraud:latest")

    def __init__(self) -> None:
        self.model = bentoml.sklearn.load_model(self.reference)

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of fraud, shape (n,), for rows of shape (n, inputs)."""
        return self.model.predict_proba(rows)[:, 1]

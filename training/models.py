"""The models that can be trained: each has a name, defaults, a search space and a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Trial
from pydantic_core import PydanticCustomError
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Parameters = Mapping[str, Any]

FRAUD_WEIGHT = "fraud_weight"
"""A parameter of models with log-odds: how many times each fraud is fitted on, a whole number.

`training.fit` repeats the rows and undoes that in the probabilities; builders ignore it.
"""


@dataclass(frozen=True)
class InputColumns:
    """The model's columns: first the numbers, then one column of codes for each category."""

    numbers: int
    category_sizes: Sequence[int]


@dataclass(frozen=True)
class ModelKind:
    """A kind of model: its default parameters, its search space, and how to build its pipeline.

    `fits_on` is float64 where scikit-learn would convert the rows, and hold them twice.
    """

    defaults: Parameters
    suggest: Callable[[Trial], Parameters]
    build: Callable[[InputColumns, Parameters, int], Pipeline]
    fits_on: type[np.floating] = np.float32


def _logistic_regression(columns: InputColumns, parameters: Parameters, seed: int) -> Pipeline:
    codes = list(range(columns.numbers, columns.numbers + len(columns.category_sizes)))
    one_hot = OneHotEncoder(
        # Dense, because a sparse one fails in ONNX; with all codes listed, so that -1 is unknown.
        categories=[[float(code) for code in range(size)] for size in columns.category_sizes],
        handle_unknown="ignore",
        sparse_output=False,
    )
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    parts: list[tuple[str, Any, list[int]]] = [("numbers", numbers, list(range(columns.numbers)))]
    if codes:
        parts.append(("categories", one_hot, codes))
    model = LogisticRegression(max_iter=2000, random_state=seed, **parameters)
    return make_pipeline(ColumnTransformer(parts), model)


def _random_forest(_: InputColumns, parameters: Parameters, seed: int) -> Pipeline:
    # Without an imputer, a forest converted to ONNX is silently wrong on NaN, by up to 0.17.
    model = RandomForestClassifier(n_jobs=-1, random_state=seed, **parameters)
    return make_pipeline(SimpleImputer(strategy="median"), model)


def _hist_gradient_boosting(_: InputColumns, parameters: Parameters, seed: int) -> Pipeline:
    # No `categorical_features`: converted to ONNX they are silently wrong, by up to 0.92.
    settings = {name: value for name, value in parameters.items() if name != FRAUD_WEIGHT}
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **settings)
    return make_pipeline(model)


MODELS: Mapping[str, ModelKind] = {
    "logistic_regression": ModelKind(
        defaults={"C": 1.0},
        suggest=lambda trial: {"C": trial.suggest_float("C", 1e-3, 1e2, log=True)},
        build=_logistic_regression,
    ),
    "random_forest": ModelKind(
        defaults={
            "n_estimators": 100,
            "max_samples": 0.5,
            "max_depth": 16,
            "min_samples_leaf": 2,
        },
        suggest=lambda trial: {
            "n_estimators": 100,
            "max_samples": trial.suggest_float("max_samples", 0.1, 0.9),
            "max_depth": trial.suggest_int("max_depth", 6, 24),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True),
        },
        build=_random_forest,
    ),
    "hist_gradient_boosting": ModelKind(
        defaults={
            "learning_rate": 0.15,
            "max_iter": 100,
            "max_leaf_nodes": 22,
            "min_samples_leaf": 10,
            "l2_regularization": 2.8,
            "max_features": 0.8,
            FRAUD_WEIGHT: 40,
        },
        suggest=lambda trial: {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "max_iter": trial.suggest_int("max_iter", 100, 400, step=50),
            "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 5, 63, log=True),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 10, 200, log=True),
            "l2_regularization": trial.suggest_float("l2_regularization", 0.1, 100, log=True),
            "max_features": trial.suggest_float("max_features", 0.2, 1.0),
            FRAUD_WEIGHT: trial.suggest_int(FRAUD_WEIGHT, 1, 100, log=True),
        },
        build=_hist_gradient_boosting,
        fits_on=np.float64,
    ),
}


def known_model(name: str) -> str:
    """Validate the name of a model, for pydantic; the error lists the models."""
    if name not in MODELS:
        *names, last = sorted(MODELS)
        others = ", ".join(f"'{other}'" for other in names)
        raise PydanticCustomError("model_name", f"Input should be {others} or '{last}'")
    return name

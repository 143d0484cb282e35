"""The models by name: how they are built, and that their defaults are among what a search tries."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from training.convert import convert
from training.models import MODELS, Columns
from training.run import Parameters


def test_the_models_are_the_ones_that_the_parameter_allows() -> None:
    allowed = Parameters.model_fields["model"].annotation

    assert sorted(MODELS) == ["hist_gradient_boosting", "logistic_regression", "random_forest"]
    assert list(getattr(allowed, "__args__", ())) == sorted(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_search_suggests_values_for_exactly_the_parameters_that_have_defaults(name: str) -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()

    assert MODELS[name].suggest(trial).keys() == MODELS[name].defaults.keys()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_same_seed_makes_the_same_onnx_bytes(name: str) -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(400, 4)).astype(np.float32)
    labels = (rows[:, 0] + random.normal(size=400) > 1).astype(np.int8)
    kind = MODELS[name]

    first, second = (
        convert(kind.build(Columns(4, []), kind.defaults, 7).fit(rows, labels), 4) for _ in range(2)
    )

    assert first.SerializeToString() == second.SerializeToString()


def test_logistic_regression_scores_an_unknown_category_like_none_at_all() -> None:
    random = np.random.default_rng(3)
    codes = random.integers(0, 3, 600).astype(np.float32)
    rows = np.column_stack([random.normal(size=600).astype(np.float32), codes])
    labels = (codes == 2).astype(np.int8)
    kind = MODELS["logistic_regression"]
    pipeline = kind.build(Columns(1, [3]), kind.defaults, 0).fit(rows, labels)

    known, unknown = pipeline.predict_proba(np.array([[0, 2], [0, -1]], np.float32))[:, 1]

    assert known > 0.9
    assert unknown < 0.5

"""The models by name: how they are built, and that a search tries their parameters."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import optuna
import pytest
from pydantic import AfterValidator, BaseModel, ValidationError
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from training.convert import convert
from training.fit import repeat_frauds
from training.models import MODELS, InputColumns, ModelKind, known_model


def test_the_error_for_an_unknown_name_lists_the_models() -> None:
    class Chosen(BaseModel):
        model: Annotated[str, AfterValidator(known_model)]

    assert [Chosen(model=name).model for name in MODELS] == list(MODELS)
    with pytest.raises(ValidationError) as caught:
        Chosen(model="crystal_ball")
    assert caught.value.errors()[0]["msg"] == (
        "Input should be 'hist_gradient_boosting', 'logistic_regression' or 'random_forest'"
    )


def test_another_estimator_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ModelKind(
        defaults={"max_depth": 3},
        suggest=lambda trial: {"max_depth": trial.suggest_int("max_depth", 2, 6)},
        build=lambda _, parameters, seed: make_pipeline(
            SimpleImputer(), DecisionTreeClassifier(random_state=seed, **parameters)
        ),
    )
    monkeypatch.setattr("training.models.MODELS", {**MODELS, "decision_tree": entry})

    assert known_model("decision_tree") == "decision_tree"


def test_boosting_separates_rare_high_amounts_from_those_just_below_if_frauds_repeat() -> None:
    random = np.random.default_rng(0)
    amounts = random.exponential(35.0, (60_000, 1)).astype(np.float32)
    labels = (amounts[:, 0] > 220).astype(np.int8)
    kind = MODELS["hist_gradient_boosting"]
    around = np.array([[216.0], [224.0]], np.float32)

    log_odds: dict[int, list[float]] = {}
    for times in (1, 50):
        pipeline = kind.build(InputColumns(1, []), kind.defaults, 0)
        pipeline.fit(*repeat_frauds(amounts, labels, times))
        log_odds[times] = pipeline.decision_function(around).tolist()

    # Without repetition both are in one bin: 0.2 % of the rows are above, a bin is 0.4 % of them.
    assert log_odds[1][0] == log_odds[1][1]
    assert log_odds[50][1] - log_odds[50][0] > 5


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_search_suggests_values_for_exactly_the_parameters_that_have_defaults(name: str) -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()

    assert MODELS[name].suggest(trial).keys() == MODELS[name].defaults.keys()


def test_a_search_tries_whole_numbers_as_fraud_weights() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    suggest = MODELS["hist_gradient_boosting"].suggest

    tried = [suggest(study.ask())["fraud_weight"] for _ in range(20)]

    assert {type(weight) for weight in tried} == {int}
    assert min(tried) >= 1
    assert max(tried) <= 100


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_same_seed_makes_the_same_onnx_bytes(name: str) -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(400, 4)).astype(np.float32)
    labels = (rows[:, 0] + random.normal(size=400) > 1).astype(np.int8)
    kind = MODELS[name]

    columns = InputColumns(4, [])
    first, second = (
        convert(kind.build(columns, kind.defaults, 7).fit(rows, labels), 4) for _ in range(2)
    )

    assert first.SerializeToString() == second.SerializeToString()


def test_logistic_regression_scores_an_unknown_category_as_none_of_the_known() -> None:
    random = np.random.default_rng(3)
    codes = random.integers(0, 3, 600).astype(np.float32)
    rows = np.column_stack([random.normal(size=600).astype(np.float32), codes])
    labels = (codes == 2).astype(np.int8)
    kind = MODELS["logistic_regression"]
    pipeline = kind.build(InputColumns(1, [3]), kind.defaults, 0).fit(rows, labels)

    known, unknown = pipeline.predict_proba(np.array([[0, 2], [0, -1]], np.float32))[:, 1]

    assert known > 0.9
    assert unknown < 0.5

"""Fitting, the threshold at the alert budget, and the search."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.contract import Input
from training.data import Data, read_data
from training.dataset import read_dataset
from training.describe import describe_inputs
from training.fit import Recipe, Validated, encode, judged, probabilities, search, validate
from training.models import MODELS
from training.split import Split, split_by_time

RECIPE = Recipe("logistic_regression", MODELS["logistic_regression"].defaults, 0)
Prepared = tuple[Data, Split, tuple[Input, ...]]


@pytest.fixture(scope="module")
def prepared(transactions: Path) -> Prepared:
    data = read_data(str(transactions), read_dataset("simulated"))
    split = split_by_time(data.frame, time="time", label="fraud", delay_days=7, test_share=0.3)
    return data, split, describe_inputs(data, split.train)


def tried_by(prepared: Prepared, recipe: Recipe, trials: int) -> tuple[Validated, list[Validated]]:
    data, split, inputs = prepared
    tried: list[Validated] = []
    best = search(data, recipe, trials, split, inputs, lambda _, one: tried.append(one))
    return best, tried


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_threshold_keeps_the_validation_alerts_within_the_budget(
    prepared: Prepared, model: str
) -> None:
    data, split, inputs = prepared
    recipe = Recipe(model, MODELS[model].defaults, 0)

    validated = validate(data, recipe, split, inputs)

    scores = probabilities(recipe.fit(data, split.train, inputs), split.test, inputs)
    alerts = int((scores >= validated.threshold).sum())
    budget = 20 * split.test["time"].dt.date().n_unique()
    assert 0.9 * budget <= alerts <= budget


def test_validation_counts_money_at_the_data_sets_alert_cost(prepared: Prepared) -> None:
    data, split, inputs = prepared
    dear = replace(data, dataset=data.dataset.model_copy(update={"alert_cost": 105.0}))

    cheap = validate(data, RECIPE, split, inputs).detection.money_saved_per_day

    # Twenty alerts a day, each of which now costs 100 more.
    assert validate(dear, RECIPE, split, inputs).detection.money_saved_per_day == pytest.approx(
        cheap - 20 * 100
    )


def test_validation_measures_the_later_part_only(prepared: Prepared) -> None:
    data, split, inputs = prepared

    measured = validate(data, RECIPE, split, inputs).detection

    scores = probabilities(RECIPE.fit(data, split.train, inputs), split.test, inputs)
    frauds = split.test["fraud"].to_numpy() == 1
    pairs = (scores[frauds][:, None] > scores[~frauds]).mean()
    assert measured.roc_auc == pytest.approx(float(pairs), abs=1e-3)


def test_the_search_tries_the_defaults_first_and_returns_the_best(prepared: Prepared) -> None:
    best, tried = tried_by(prepared, RECIPE, 5)

    precisions = [one.detection.average_precision for one in tried]
    assert len(tried) == 5
    assert tried[0].recipe.parameters == {"C": 1.0}
    assert best.detection.average_precision == max(precisions)
    assert len({one.recipe.parameters["C"] for one in tried}) == 5
    assert min(precisions) < max(precisions)


def test_the_search_is_the_same_for_the_same_seed_and_another_for_another(
    prepared: Prepared,
) -> None:
    _, first = tried_by(prepared, RECIPE, 4)
    _, again = tried_by(prepared, RECIPE, 4)
    _, other = tried_by(prepared, Recipe(RECIPE.model, RECIPE.parameters, 1), 4)

    assert first == again
    assert first[1].recipe.parameters != other[1].recipe.parameters


def test_one_trial_is_the_defaults(prepared: Prepared) -> None:
    best, tried = tried_by(prepared, RECIPE, 1)

    assert tried == [best]
    assert best.recipe == RECIPE


def test_rows_are_judged_by_label_amount_and_day_from_1970(prepared: Prepared) -> None:
    data, _, _ = prepared
    times = [datetime(1970, 1, 1), datetime(2026, 1, 1, 23, 59), datetime(2026, 1, 2)]

    rows = pl.DataFrame({"time": times, "fraud": [0, 1, 0], "amount": [1.0, 2.5, 3.0]})
    assert judged(data, rows).days.tolist() == [0, 20454, 20455]
    assert judged(data, rows).amounts.tolist() == [1.0, 2.5, 3.0]
    assert judged(data, rows).labels.tolist() == [0, 1, 0]


def test_categories_that_are_missing_or_new_are_encoded_as_unknown() -> None:
    inputs = (
        Input.model_validate(
            {
                "name": "n",
                "kind": "number",
                "nullable": True,
                "reference": 0,
                "histogram": {"counts": [1]},
            }
        ),
        Input.model_validate(
            {
                "name": "k",
                "kind": "category",
                "nullable": True,
                "categories": ["a", "b"],
                "reference": "a",
                "histogram": {"counts": [1, 1]},
            }
        ),
    )
    rows = pl.DataFrame({"n": [1.5, None, 2.0, 0.0], "k": ["b", "a", None, "zebra"]})

    encoded = encode(rows, inputs)

    assert encoded.dtype == np.float32
    expected = np.array([[1.5, 1], [np.nan, 0], [2, -1], [0, -1]])
    assert np.array_equal(encoded, expected, equal_nan=True)

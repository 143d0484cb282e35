"""Fitting, the threshold at the alert budget, and the calibration."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from registry.model.contract import Input
from tests.contracts import category, number
from training.calibrate import CalibratedPipeline, Sigmoid
from training.contract_writer import describe_inputs
from training.data import Data, read_data
from training.dataset import read_dataset
from training.errors import BadInput
from training.fit import Recipe, encode, probabilities, repeat_frauds, sample_to_fit, validate
from training.models import MODELS
from training.split import Split, split_by_time

RECIPE = Recipe("logistic_regression", MODELS["logistic_regression"].defaults, 0)
Prepared = tuple[Data, Split, tuple[Input, ...]]


@pytest.fixture(scope="module")
def prepared(transactions: Path) -> Prepared:
    data = read_data(str(transactions), read_dataset("simulated"))
    split = split_by_time(data.frame, data.dataset, test_share=0.3)
    return data, split, describe_inputs(data, split.train)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_the_threshold_keeps_the_validation_alerts_within_the_budget(
    prepared: Prepared, model: str
) -> None:
    data, split, inputs = prepared
    recipe = Recipe(model, MODELS[model].defaults, 0)

    validated = validate(data, recipe, split, inputs)

    fitted = validated.recipe.fit(data, split.train, inputs)
    scores = probabilities(fitted, split.test, inputs)
    alerts = int((scores >= validated.threshold).sum())
    budget = 20 * split.test["time"].dt.date().n_unique()
    assert 0.9 * budget <= alerts <= budget


def few(data: Data, max_fit_rows: int) -> Data:
    dataset = data.dataset.model_copy(update={"max_fit_rows": max_fit_rows})
    return replace(data, dataset=dataset)


def test_a_sample_is_drawn_by_the_seed_and_stays_in_order(prepared: Prepared) -> None:
    data, split, _ = prepared
    rows = pl.int_range(10)
    ten = split.train.head(10).with_columns(rows.alias("amount"), (rows % 2).alias("fraud"))
    dataset = few(data, 4).dataset

    assert sample_to_fit(ten, dataset, 0)["amount"].to_list() == [2, 4, 5, 7]
    assert sample_to_fit(ten, dataset, 1)["amount"].to_list() == [3, 4, 6, 9]
    assert sample_to_fit(ten, few(data, 10).dataset, 0) is ten
    with pytest.raises(BadInput, match="a sample of 4 training rows has no frauds, or nothing els"):
        sample_to_fit(ten.with_columns(fraud=pl.lit(0)), dataset, 0)


def test_with_more_rows_than_the_maximum_a_model_is_fitted_on_the_sample(
    prepared: Prepared,
) -> None:
    data, split, inputs = prepared
    sample = sample_to_fit(split.train, few(data, 5000).dataset, RECIPE.seed)

    fitted = RECIPE.fit(few(data, 5000), split.train, inputs)

    expected = probabilities(RECIPE.fit(data, sample, inputs), split.test, inputs)
    assert len(sample) == 5000
    assert np.array_equal(probabilities(fitted, split.test, inputs), expected)


def test_validation_counts_money_at_the_data_sets_alert_cost(prepared: Prepared) -> None:
    data, split, inputs = prepared
    expensive = replace(data, dataset=data.dataset.model_copy(update={"alert_cost": 105.0}))

    cheap_saved = validate(data, RECIPE, split, inputs).detection["money_saved_per_day"]
    saved = validate(expensive, RECIPE, split, inputs).detection["money_saved_per_day"]

    # Twenty alerts a day, each of which now costs 100 more.
    assert saved == pytest.approx(cheap_saved - 20 * 100)


def test_validation_measures_the_later_part_only(prepared: Prepared) -> None:
    data, split, inputs = prepared

    measured = validate(data, RECIPE, split, inputs).detection

    scores = probabilities(RECIPE.fit(data, split.train, inputs), split.test, inputs)
    frauds = split.test["fraud"].to_numpy() == 1
    pairs = (scores[frauds][:, None] > scores[~frauds]).mean()
    assert measured["roc_auc"] == pytest.approx(float(pairs), abs=1e-3)


def test_a_recipe_without_calibration_fits_a_plain_pipeline(prepared: Prepared) -> None:
    data, split, inputs = prepared

    assert isinstance(RECIPE.fit(data, split.train, inputs), Pipeline)
    calibrated = replace(RECIPE, sigmoid=Sigmoid(0.5, -1.0)).fit(data, split.train, inputs)
    assert isinstance(calibrated, CalibratedPipeline)
    assert calibrated.sigmoid == Sigmoid(0.5, -1.0)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_validated_probabilities_add_up_to_the_number_of_frauds(
    prepared: Prepared, model: str
) -> None:
    data, split, inputs = prepared
    recipe = Recipe(model, MODELS[model].defaults, 0)

    chosen = validate(data, recipe, split, inputs).recipe

    fitted = chosen.fit(data, split.train, inputs)
    expected = float(probabilities(fitted, split.test, inputs).sum())
    # Uncalibrated, boosting that counts each fraud forty times would expect several times as many.
    assert 0.5 < expected / data.labels(split.test).sum() < 2.5


def test_a_weighted_model_that_cannot_be_calibrated_still_has_its_weight_undone(
    prepared: Prepared,
) -> None:
    data, split, inputs = prepared
    defaults = MODELS["hist_gradient_boosting"].defaults
    # All frauds of the validation rows are in their earlier half: a sigmoid cannot be tested.
    half = len(split.test) // 2
    later = split.test[half:].with_columns(pl.lit(0, pl.Int8).alias("fraud"))
    one_sided = replace(split, test=pl.concat([split.test[:half], later]))

    chosen = validate(data, Recipe("hist_gradient_boosting", defaults, 0), one_sided, inputs)

    assert chosen.recipe.sigmoid == Sigmoid(1.0, -math.log(40.0))


def test_only_frauds_are_repeated_and_in_place() -> None:
    rows = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]], np.float32)
    labels = np.array([0, 1, 0], np.int8)

    repeated, repeated_labels = repeat_frauds(rows, labels, 3)

    expected = np.array(
        [[1.0, 10.0], [2.0, np.nan], [2.0, np.nan], [2.0, np.nan], [3.0, 30.0]], np.float32
    )
    assert np.array_equal(repeated, expected, equal_nan=True)
    assert repeated_labels.tolist() == [0, 1, 1, 1, 0]
    assert (str(repeated.dtype), str(repeated_labels.dtype)) == ("float32", "int8")


def test_frauds_that_count_once_are_fitted_on_without_a_copy() -> None:
    rows, labels = np.zeros((2, 1), np.float32), np.array([0, 1], np.int8)

    assert repeat_frauds(rows, labels, 1) == (rows, labels)


def test_part_of_a_fraud_cannot_be_repeated() -> None:
    rows, labels = np.zeros((2, 1), np.float32), np.array([0, 1], np.int8)

    with pytest.raises(TypeError, match="safe"):
        repeat_frauds(rows, labels, 7.5)  # type: ignore[arg-type]


def test_repeated_frauds_make_the_trees_that_a_class_weight_makes() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(5_000, 3)).astype(np.float32)
    labels = (rows[:, 0] + random.normal(size=5_000) > 2.5).astype(np.int8)
    settings = {"early_stopping": False, "max_iter": 10, "min_samples_leaf": 1, "random_state": 0}
    weighted = HistGradientBoostingClassifier(class_weight={0: 1.0, 1: 7.0}, **settings)
    plain = HistGradientBoostingClassifier(**settings)

    weighted.fit(rows, labels)
    plain.fit(*repeat_frauds(rows, labels, 7))

    expected = weighted.decision_function(rows)
    assert plain.decision_function(rows) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("model", ["logistic_regression", "random_forest"])
def test_models_without_the_parameter_fit_each_fraud_once(model: str) -> None:
    assert Recipe(model, MODELS[model].defaults, 0).fraud_weight == 1


def test_categories_that_are_missing_or_new_are_encoded_as_unknown() -> None:
    inputs = (number("n", nullable=True), category("k", "a", "b", nullable=True))
    rows = pl.DataFrame({"n": [1.5, None, 2.0, 0.0], "k": ["b", "a", None, "zebra"]})

    encoded = encode(rows, inputs)

    assert encoded.dtype == np.float32
    expected = np.array([[1.5, 1], [np.nan, 0], [2, -1], [0, -1]])
    assert np.array_equal(encoded, expected, equal_nan=True)

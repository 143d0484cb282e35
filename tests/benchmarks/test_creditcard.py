"""The choice of the shipped defaults: the rows it reads, what it tries last, what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.creditcard import (
    DEFAULT,
    print_trial,
    read_creditcard,
    selection_rows,
    with_few_trees,
)
from tests.places import shared_data
from training.contract_writer import describe_inputs
from training.data import read_data
from training.dataset import read_dataset
from training.fit import Recipe
from training.search import Trial
from training.simulate import simulate
from training.split import split_data


def test_the_defaults_are_chosen_on_rows_before_those_they_are_measured_on() -> None:
    shared_data("creditcard.parquet")
    data = read_creditcard()

    train, folds = selection_rows(data)

    assert len(train) == 199_364
    first_measured = split_data(data.frame, data.dataset).test["Time"][0]
    assert [fold.test["Time"][-1] < first_measured for fold in folds] == [True] * 3


def test_the_best_parameters_are_tried_with_few_trees_at_three_rates() -> None:
    best = Recipe(DEFAULT.model, {**DEFAULT.parameters, "max_iter": 400}, 3)

    recipes = list(with_few_trees(best))

    assert [recipe.parameters["max_iter"] for recipe in recipes] == [100, 100, 100]
    assert [recipe.parameters["learning_rate"] for recipe in recipes] == [0.1, 0.15, 0.2]
    assert {recipe.seed for recipe in recipes} == {3}
    assert best.parameters["max_iter"] == 400


def test_a_trial_is_printed_with_its_folds_seconds_and_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "transactions.parquet"
    simulate(customers=50, terminals=100, days=60, seed=1).write_parquet(path)
    data = read_data(str(path), read_dataset("simulated"))
    logistic = Recipe("logistic_regression", {"C": 0.5}, 0)
    folds = tuple({"average_precision": value} for value in (0.5, 0.61, 0.75))

    print_trial(data, Trial(0, logistic, folds), data.frame, describe_inputs(data, data.frame))

    printed = capsys.readouterr().out
    assert re.fullmatch(r"  0\.6200 \(0\.5000, 0\.6100, 0\.7500\)  \d+\.\d s  C 0\.5\n", printed)

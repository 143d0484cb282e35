"""The choice of the shipped defaults: what it may look at, what it tries last, what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.creditcard import DEFAULT, made_cheap, read_creditcard, rows_to_choose_by, show
from tests.places import shared_data
from training.contract_writer import describe_inputs
from training.data import read_data
from training.dataset import read_dataset
from training.fit import Recipe
from training.search import Trial
from training.simulate import simulate
from training.split import split_data


def test_the_defaults_are_chosen_on_rows_before_those_that_they_are_measured_on() -> None:
    shared_data("creditcard.parquet")
    data = read_creditcard()

    train, folds = rows_to_choose_by(data)

    assert len(train) == 199_364
    first_measured = split_data(data.frame, data.dataset).test["Time"][0]
    assert [fold.test["Time"][-1] < first_measured for fold in folds] == [True] * 3


def test_the_best_set_is_tried_with_few_trees_at_three_rates() -> None:
    best = Recipe(DEFAULT.model, {**DEFAULT.parameters, "max_iter": 400}, 3)

    tried = list(made_cheap(best))

    assert [one.parameters["max_iter"] for one in tried] == [100, 100, 100]
    assert [one.parameters["learning_rate"] for one in tried] == [0.1, 0.15, 0.2]
    assert {one.seed for one in tried} == {3}
    assert best.parameters["max_iter"] == 400


def test_a_trial_is_printed_with_its_folds_seconds_and_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "transactions.parquet"
    simulate(customers=50, terminals=100, days=60, seed=1).write_parquet(path)
    data = read_data(str(path), read_dataset("simulated"))
    logistic = Recipe("logistic_regression", {"C": 0.5}, 0)
    folds = tuple({"average_precision": value} for value in (0.5, 0.61, 0.75))

    show(data, Trial(0, logistic, folds), data.frame, describe_inputs(data, data.frame))

    printed = capsys.readouterr().out
    assert re.fullmatch(r"  0\.6200 \(0\.5000, 0\.6100, 0\.7500\)  \d+\.\d s  C 0\.5\n", printed)

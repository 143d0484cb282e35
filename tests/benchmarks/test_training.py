"""The parts of the training benchmark, on few rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks import training
from benchmarks.creditcard import DEFAULT
from benchmarks.handbook import Week
from benchmarks.training import feature_speed, formatted, parse_steps
from registry.evaluation.measures import detection
from tests.benchmarks.handbook_like import transactions
from tests.places import shared_data
from training.contract_writer import describe_inputs
from training.data import read_data
from training.dataset import read_dataset
from training.evaluation_rows import labelled_rows
from training.fit import Recipe, probabilities
from training.split import split_data


def test_features_are_timed_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "transactions.parquet"
    transactions().write_parquet(path)
    monkeypatch.setattr(training, "TRANSACTIONS", path)

    feature_speed(rounds=1)

    first, *ways = capsys.readouterr().out.splitlines()
    assert first == "Features of 3,000 transactions, median of 1 interleaved rounds"
    assert [way.split()[0] for way in ways] == ["features.offline,", "pandas,", "pandas,"]
    assert "times as long" in ways[1]


def test_the_steps_of_a_run_are_parsed_from_its_output() -> None:
    errors = (
        "2026/11/22 INFO mlflow.projects: === Created directory ===\n"
        "· reading data.parquet and computing 0 history features … 1.5 s\n"
        "· fitting hist_gradient_boosting on 199,364 rows … 10.0 s\n"
        "· converting to ONNX … failed\n"
    )

    assert parse_steps(errors) == [
        ("reading data.parquet and computing 0 history features", 1.5),
        ("fitting hist_gradient_boosting on 199,364 rows", 10.0),
    ]


def test_a_week_is_printed_as_the_book_prints_it() -> None:
    assert formatted(Week(0.871, 0.6061, 0.2914)) == "0.606 / 0.291 / 0.871"


def test_boosting_on_a_tenth_of_the_genuine_rows_works_on_the_credit_card_data() -> None:
    path = shared_data("creditcard.parquet")
    data = read_data(str(path), read_dataset("creditcard"))
    split = split_data(data.frame, data.dataset)
    inputs = describe_inputs(data, split.train)
    quick = {**DEFAULT.parameters, "max_iter": 60, "learning_rate": 0.1, "fraud_weight": 1}
    fewer = split.train.filter((pl.col("Class") == 1) | (pl.int_range(pl.len()) % 10 == 0))

    pipeline = Recipe(DEFAULT.model, quick, 0).fit(data, fewer, inputs)

    scores = probabilities(pipeline, split.test, inputs)
    measures = detection(labelled_rows(data, split.test), scores, data.dataset.costs)
    assert measures["average_precision"] > 0.75

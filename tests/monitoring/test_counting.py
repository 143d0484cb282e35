from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from monitoring.counting import binned_inputs, binned_probability, count_records
from registry.errors import UsageError
from tests.monitoring.promises import CONTRACT, drawn, promise
from tests.monitoring.tables import DAY, records


def counted(rows: pl.DataFrame, until: float = 10 * DAY) -> list[dict[int, list[int]]]:
    [binned] = count_records(rows.lazy(), {7: promise()}, until).values()
    return [{day: counts.tolist() for day, counts in each.days.items()} for each in binned]


def record(day: float, probability: float, **inputs: object) -> dict[str, object]:
    return {
        "model_version": 7,
        "time": day * DAY,
        "probability": probability,
        "inputs": json.dumps(inputs),
    }


def test_records_are_counted_by_day_in_the_bins_of_their_version() -> None:
    rows = records(
        record(1, 0.0, amount=5, country="DE"),
        record(1.5, 0.0, amount=10, country="XX"),
        record(2, 1.0, amount=None, country=None),
        record(2, 1.0, amount=100.5, country="FR", unknown=True),
        {**record(2, 1.0), "model_version": 8},
    )

    probabilities, inputs = counted(rows)

    # Four ranges and missing; two countries and unknown.
    assert inputs == {1: [1, 1, 0, 0, 0, 1, 0, 1], 2: [0, 0, 0, 1, 1, 0, 1, 1]}
    assert {day: (counts[0], counts[-2]) for day, counts in probabilities.items()} == {
        1: (2, 0),
        2: (0, 2),
    }


def test_records_of_hashes_count_for_the_probability_only() -> None:
    probabilities, inputs = counted(records({"model_version": 7, "inputs": None}))

    assert (sum(probabilities[0]), inputs) == (1, {})


def test_a_day_that_is_not_over_is_left_out() -> None:
    rows = records(record(1, 0.5, amount=1, country="DE"), record(2, 0.5, amount=1, country="DE"))

    assert [sorted(each) for each in counted(rows, until=2.9 * DAY)] == [[1], [1]]


def test_the_reference_of_inputs_is_training_and_that_of_probabilities_the_evaluation() -> None:
    assert binned_inputs(CONTRACT).reference_rows == [1000, 20]

    binned = binned_probability(CONTRACT, drawn())

    assert binned.reference_rows == [2000]
    assert binned.bins.reference[:-1] == pytest.approx(np.full(10, 0.1), abs=0.001)


def test_records_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        counted(records({"model_version": 7, "inputs": "{"}))
    with pytest.raises(UsageError, match="cannot be read"):
        counted(records().drop("inputs"))

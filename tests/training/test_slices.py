"""Measures of parts of the test rows, and the rows that training judges by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.evaluation.measures import detection
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.rows import Slice, read_rows
from training.data import Data, read_data
from training.dataset import read_dataset
from training.evaluation_rows import write_evaluation_rows
from training.slices import LEAST_FRAUDS, Part, evaluation_rows, measure_parts, numbered
from training.split import split_data

COSTS = Costs(budget_per_day=10, per_alert=5.0)


def made() -> tuple[LabelledRows, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    generator = np.random.default_rng(0)
    labels = np.zeros(600, dtype=np.int8)
    labels[generator.choice(600, 60, replace=False)] = 1
    rows = LabelledRows(labels, np.arange(600) // 300, np.ones(600))
    return rows, (generator.random(600) + 0.5 * labels).astype(np.float32)


def measured(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Part:
    rows, scores = made()
    [part] = measure_parts(rows, scores, COSTS, [Slice("part", mask)])
    return part


def test_a_part_is_counted_and_measured_on_its_own_rows() -> None:
    rows, scores = made()
    mask = rows.days == 0
    part = measured(mask)
    assert (part.name, part.transactions, part.frauds) == (
        "part",
        300,
        int(rows.labels[:300].sum()),
    )
    assert part.average_precision is not None
    assert (
        part.average_precision.value
        == detection(rows.part(mask), scores[mask], COSTS)["average_precision"]
    )
    assert part.average_precision.lower < part.average_precision.value
    assert part.average_precision.value < part.average_precision.upper


def test_alerts_are_those_of_the_whole_day_not_of_the_part() -> None:
    """The ten alerts of a day go to its highest scores, of which the part has but a few."""
    rows, scores = made()
    frauds = np.flatnonzero(rows.labels)
    worst = np.zeros(600, dtype=bool)
    worst[frauds[np.argsort(scores[frauds])[:20]]] = True
    worst[np.flatnonzero(rows.labels == 0)[:5]] = True
    part = measured(worst)
    assert part.recall is not None
    assert part.recall.value == 0.0
    everything = measured(np.ones(600, dtype=bool))
    assert everything.recall is not None
    assert everything.recall.value == detection(rows, scores, COSTS)["budget_recall"]
    assert everything.recall.lower < everything.recall.value < everything.recall.upper


@pytest.mark.parametrize("frauds", [0, LEAST_FRAUDS - 1, LEAST_FRAUDS])
def test_a_part_with_few_frauds_is_only_counted(frauds: int) -> None:
    rows, _ = made()
    mask = rows.labels == 0
    mask[np.flatnonzero(rows.labels)[:frauds]] = True
    part = measured(mask)
    assert part.frauds == frauds
    assert (part.average_precision is None) == (frauds < LEAST_FRAUDS)
    assert (part.recall is None) == (frauds < LEAST_FRAUDS)


def test_a_part_of_frauds_only_is_only_counted() -> None:
    rows, _ = made()
    assert measured(rows.labels == 1).average_precision is None


def read(transactions: Path) -> Data:
    return read_data(str(transactions), read_dataset("simulated"))


def test_training_judges_by_the_rows_that_it_writes_for_the_gates(
    transactions: Path, tmp_path: Path
) -> None:
    data = read(transactions)
    write_evaluation_rows(str(transactions), "simulated", tmp_path / "rows.parquet")
    written = read_rows(tmp_path / "rows.parquet")

    ours = evaluation_rows(data, split_data(data.frame, data.dataset).test)

    assert np.array_equal(ours.labelled.labels, written.labelled.labels)
    assert np.array_equal(ours.labelled.days, written.labelled.days)
    assert np.array_equal(ours.labelled.amounts, written.labelled.amounts)
    assert ours.labelled.independent_frauds == written.labelled.independent_frauds
    assert (ours.start, ours.end) == (written.start, written.end)
    assert [one.name for one in ours.slices] == [one.name for one in written.slices]
    for one, other in zip(ours.slices, written.slices, strict=True):
        assert np.array_equal(one.rows, other.rows)
    assert any("customer_id age in days" in one.name for one in ours.slices)


def test_owners_are_numbered_without_gaps_and_nobody_known_is_alone() -> None:
    assert numbered(pl.Series(["b", None, "a", "b", None])).tolist() == [0, 2, 1, 0, 3]
    assert numbered(pl.Series([7, 7, 3])).tolist() == [0, 0, 1]
    assert numbered(pl.Series([None, None], dtype=pl.String)).tolist() == [0, 1]

"""Measures of slices of the test rows."""

from __future__ import annotations

import numpy as np
import pytest

from registry.evaluation.measures import detection
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.rows import Slice
from training.slices import MIN_FRAUDS, MeasuredSlice, measure_slices

COSTS = Costs(budget_per_day=10, per_alert=5.0)


def scored_rows() -> tuple[LabelledRows, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    generator = np.random.default_rng(0)
    labels = np.zeros(600, dtype=np.int8)
    labels[generator.choice(600, 60, replace=False)] = 1
    rows = LabelledRows(labels, np.arange(600) // 300, np.ones(600))
    return rows, (generator.random(600) + 0.5 * labels).astype(np.float32)


def measured(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> MeasuredSlice:
    rows, scores = scored_rows()
    [part] = measure_slices(rows, scores, COSTS, [Slice("part", np.flatnonzero(mask))])
    return part


def test_a_slice_is_counted_and_measured_on_its_own_rows() -> None:
    rows, scores = scored_rows()
    mask = rows.days == 0
    part = measured(mask)
    frauds = int(rows.labels[:300].sum())
    assert (part.name, part.transactions, part.frauds) == ("part", 300, frauds)
    precision = part.average_precision
    assert precision is not None
    expected = detection(rows.part(mask), scores[mask], COSTS)["average_precision"]
    assert precision.lower < precision.value == expected < precision.upper


def test_alerts_are_those_of_the_whole_day_not_of_the_slice() -> None:
    """The ten alerts of a day go to its highest scores, few of which are in the slice."""
    rows, scores = scored_rows()
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


@pytest.mark.parametrize("frauds", [0, MIN_FRAUDS - 1, MIN_FRAUDS])
def test_a_slice_with_few_frauds_is_only_counted(frauds: int) -> None:
    rows, _ = scored_rows()
    mask = rows.labels == 0
    mask[np.flatnonzero(rows.labels)[:frauds]] = True
    part = measured(mask)
    assert part.frauds == frauds
    assert (part.average_precision is None) == (frauds < MIN_FRAUDS)
    assert (part.recall is None) == (frauds < MIN_FRAUDS)


def test_a_slice_of_frauds_only_is_only_counted() -> None:
    rows, _ = scored_rows()
    assert measured(rows.labels == 1).average_precision is None

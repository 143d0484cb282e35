"""The bootstrap against rows drawn one by one, and in plain cases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from registry.evaluation import bootstrap as resampling
from registry.evaluation.bootstrap import _POISSON, resample_weights
from registry.evaluation.measures import detection, measures_of
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking

COSTS = Costs(budget_per_day=2, per_alert=5.0)
MEASURES = measures_of("no_worse")
NAMES = [measure.name for measure in MEASURES]

Scores = NDArray[np.float32]


def bootstrap(
    rows: LabelledRows, scores: list[Scores], costs: Costs, *, resamples: int, seed: int
) -> NDArray[np.float64]:
    rankings = [Ranking(rows, score, costs) for score in scores]
    return resampling.bootstrap(rankings, MEASURES, resamples=resamples, seed=seed)


def test_the_table_of_weights_is_poisson_with_mean_one() -> None:
    shares = np.bincount(_POISSON, minlength=10) / len(_POISSON)
    assert shares == pytest.approx(
        [0.367879, 0.367879, 0.18394, 0.061313, 0.015328, 0.003066, 0.000511, 7.3e-5, 9e-6, 1e-6],
        abs=1.6e-5,
    )
    assert _POISSON.mean() == pytest.approx(1, abs=1e-4)


def made(
    count: int, frauds: int, *, clusters: NDArray[np.int64] | None = None
) -> tuple[LabelledRows, list[Scores]]:
    """Rows over five days, and two models that see much the same."""
    generator = np.random.default_rng(3)
    labels = np.zeros(count, dtype=np.int8)
    labels[generator.choice(count, frauds, replace=False)] = 1
    rows = LabelledRows(
        labels,
        generator.integers(0, 5, count),
        np.round(generator.exponential(50, count), 2),
        clusters,
    )
    seen = generator.normal(size=count) + 2 * labels
    noise = [0.7 * generator.normal(size=count) for _ in range(2)]
    return rows, [(seen + one).astype(np.float32) for one in noise]


BUDGET = Costs(budget_per_day=12, per_alert=5.0)


def drawn(rows: LabelledRows, scores: list[Scores], resamples: int) -> NDArray[np.float64]:
    """The textbook's way: draw rows with replacement, and measure both models from scratch."""
    generator = np.random.default_rng(0)
    measures: list[list[list[float]]] = []
    for _ in range(resamples):
        chosen = generator.integers(0, len(rows.labels), len(rows.labels))
        part = LabelledRows(rows.labels[chosen], rows.days[chosen], rows.amounts[chosen])
        each = [detection(part, score[chosen], BUDGET) for score in scores]
        measures.append([list(one.values()) for one in each])
    return np.array(measures)


def test_standard_errors_of_differences_are_those_of_drawing_rows() -> None:
    rows, scores = made(3000, 100)
    ours = bootstrap(rows, scores, BUDGET, resamples=300, seed=1)
    theirs = drawn(rows, scores, 300)
    errors, expected = ((one[:, 0] - one[:, 1]).std(axis=0) for one in (ours, theirs))
    assert dict(zip(NAMES, errors / expected, strict=True)) == pytest.approx(
        dict.fromkeys(NAMES, 1.0), abs=0.15
    )


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    rows, scores = made(500, 20)
    first, again, other = (
        bootstrap(rows, scores, BUDGET, resamples=20, seed=seed) for seed in (1, 1, 2)
    )
    assert first.shape == (20, 2, 5)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_both_models_are_measured_on_the_same_resample() -> None:
    rows, (score, _) = made(500, 20)
    found = bootstrap(rows, [score, score], BUDGET, resamples=20, seed=1)
    assert np.array_equal(found[:, 0], found[:, 1])


def test_a_resample_without_a_fraud_is_no_number_throughout() -> None:
    rows, scores = made(50, 1)
    found = bootstrap(rows, scores, BUDGET, resamples=1000, seed=1)
    without = np.isnan(found[:, 0, 0])
    assert np.isnan(found[without]).all()
    assert not np.isnan(found[~without]).any()
    assert without.mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_where_all_rows_are_of_one_cluster_all_resamples_rank_alike() -> None:
    rows, scores = made(200, 20, clusters=np.zeros(200, dtype=np.int64))
    found = bootstrap(rows, scores, BUDGET, resamples=200, seed=1)
    kept = found[~np.isnan(found[:, 0, 0])]
    assert 100 < len(kept) < 150
    for model, score in enumerate(scores):
        once = detection(rows, score, BUDGET)
        assert kept[:, model, 0] == pytest.approx(once["average_precision"], abs=1e-12)
        assert kept[:, model, 1] == pytest.approx(once["roc_auc"], abs=1e-12)


def test_clusters_of_two_equal_rows_are_as_good_as_one_row_each() -> None:
    """A weight in common doubles both, and ranking measures see no difference."""
    rows, scores = made(300, 20)
    pairs = LabelledRows(
        np.repeat(rows.labels, 2),
        np.repeat(rows.days, 2),
        np.repeat(rows.amounts, 2),
        np.repeat(np.arange(300), 2),
    )
    doubled = [np.repeat(score, 2) for score in scores]
    once = bootstrap(rows, scores, BUDGET, resamples=50, seed=1)
    twice = bootstrap(pairs, doubled, BUDGET, resamples=50, seed=1)
    assert twice[..., :2] == pytest.approx(once[..., :2], abs=1e-12)


def test_alerts_move_on_where_a_resample_leaves_out_the_cluster_that_fills_the_top() -> None:
    """One card makes a day's 300 highest scores: without it the frauds below are the alerts."""
    labels = np.array([0] * 300 + [1] * 20 + [0] * 80, dtype=np.int8)
    clusters = np.array([0] * 300 + list(range(1, 101)), dtype=np.int64)
    rows = LabelledRows(labels, np.zeros(400, np.int64), np.ones(400), clusters)
    scores = np.linspace(1, 0, 400).astype(np.float32)
    found = bootstrap(rows, [scores], COSTS, resamples=400, seed=1)[:, 0]
    precision = found[:, NAMES.index("budget_precision")]
    assert set(precision) == {0.0, 1.0}
    assert precision.mean() == pytest.approx(np.exp(-1), abs=0.07)


def test_clustered_resamples_spread_wider_where_rows_of_a_cluster_are_alike() -> None:
    """Ten customers with 30 frauds in all, each customer caught or missed as a whole."""
    labels = np.array(([1] * 3 + [0] * 27) * 10, dtype=np.int8)
    clusters = np.repeat(np.arange(10), 30)
    caught = np.repeat(np.arange(10) % 2, 30)
    scores = (labels * caught + np.linspace(0, 0.5, 300)).astype(np.float32)
    days, amounts = np.zeros(300, np.int64), np.ones(300)
    spread = [
        bootstrap(rows, [scores], COSTS, resamples=300, seed=1)[:, 0, 0].std()
        for rows in (
            LabelledRows(labels, days, amounts),
            LabelledRows(labels, days, amounts, clusters),
        )
    ]
    assert spread[1] > 1.3 * spread[0]


def test_resampled_weights_are_those_that_the_bootstrap_measures_on() -> None:
    rows, scores = made(500, 20, clusters=np.arange(500) // 5)
    drawn = list(resample_weights(rows, resamples=20, seed=1))
    expected = [weighted_by(rows, scores[0], weights) for weights in drawn]
    found = bootstrap(rows, scores[:1], BUDGET, resamples=20, seed=1)[:, 0]
    assert found == pytest.approx(np.array(expected), nan_ok=True)
    for weights in drawn:
        assert weights.shape == (500,)
        assert (weights.reshape(100, 5) == weights[::5, None]).all()


def weighted_by(rows: LabelledRows, scores: Scores, weights: NDArray[np.uint8]) -> list[float]:
    weighted = Ranking(rows, scores, BUDGET).weighted(weights)
    return [measure.value(weighted) for measure in MEASURES]

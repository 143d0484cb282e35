"""Plots of small arrays: what is drawn, and that it can be read without colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from registry.evaluation.metrics import Costs, LabelledRows
from registry.report.plots import stretched
from training import plots
from training.importance import Contribution
from training.intervals import Estimate
from training.plots import wilson
from training.slices import MeasuredSlice

COSTS = Costs(budget_per_day=1, per_alert=5.0)
ROWS = LabelledRows(
    np.array([1, 0, 0, 1, 1, 0, 0, 0], dtype=np.int8),
    np.array([0, 0, 0, 0, 1, 1, 1, 1]),
    np.array([100.0, 10, 10, 50, 200, 10, 10, 10]),
)
SCORES = np.array([0.9, 0.1, 0.2, 0.3, 0.8, 0.1, 0.1, 0.1], dtype=np.float32)
CONTRIBUTIONS = tuple(
    Contribution(f"input {rank}", 0.1 / rank, (0.1, 0.2)) for rank in range(1, 21)
)
SLICES = (
    MeasuredSlice("day 2026-01-01", 100, 9, Estimate(0.5, 0.4, 0.6), Estimate(0.7, 0.5, 0.8)),
    MeasuredSlice("day 2026-01-02", 100, 1, None, None),
)
FIGURES = {
    "reliability": lambda: plots.reliability(ROWS.labels, SCORES),
    "alerts_and_recall": lambda: plots.alerts_and_recall(ROWS, SCORES, COSTS),
    "savings": lambda: plots.savings(ROWS, SCORES, COSTS, 0.5),
    "importance": lambda: plots.importance(CONTRIBUTIONS),
    "by_day": lambda: plots.by_day(SLICES),
    "by_slice": lambda: plots.by_slice(SLICES),
}


def texts(figure: Figure) -> list[str]:
    """The words of the first axes' legend."""
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def points_of(line: Line2D) -> NDArray[np.float64]:
    """The points of a line, shape (points, 2)."""
    return np.asarray(line.get_xydata(), dtype=np.float64)


@pytest.mark.parametrize("name", FIGURES)
def test_a_plot_shows_something_and_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    for file in ("first.png", "second.png"):
        FIGURES[name]().savefig(tmp_path / file)
    drawn = np.asarray(imread(tmp_path / "first.png"), dtype=np.float32)[..., :3]
    assert drawn.shape[1] >= 600
    assert (drawn.min(axis=2) < 0.5).mean() > 0.005
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_the_alerts_of_a_day_are_counted_by_their_rank_in_it() -> None:
    figure = plots.alerts_and_recall(ROWS, SCORES, COSTS)
    frauds, money, budget = figure.axes[0].lines
    # Two of three frauds rank first on their day; the third, with 50 of 350, ranks second.
    assert points_of(frauds).tolist() == [[1, 2 / 3], [2, 1], [4, 1]]
    assert points_of(money).tolist() == [[1, 300 / 350], [2, 1], [4, 1]]
    assert len({line.get_linestyle() for line in (frauds, money, budget)}) == 3
    assert texts(figure)[2] == "alert budget of 1: 67% of the frauds"


def test_money_is_marked_at_the_threshold_and_at_the_best_one() -> None:
    figure = plots.savings(ROWS, SCORES, COSTS, 0.5)
    # At .5 the frauds of 100 and 200, at .3 that of 50 too; an alert costs 5, over two days.
    assert texts(figure) == [
        "threshold 0.5: 145 a day",
        "best in hindsight 0.3: 168 a day",
    ]


@pytest.mark.parametrize("threshold", [0.95, 1.0])
def test_a_threshold_above_all_scores_saves_nothing(threshold: float) -> None:
    figure = plots.savings(ROWS, SCORES, COSTS, threshold)
    assert texts(figure)[0] == f"threshold {threshold:.4g}: 0 a day"


def test_a_bin_without_fraud_is_hollow_and_every_bin_shows_its_counts() -> None:
    labels = np.array([0] * 50 + [1, 0], dtype=np.int8)
    scores = np.array([0.001] * 50 + [0.5, 0.5], dtype=np.float32)
    axes = plots.reliability(labels, scores).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0 of 50", "1 of 2"]
    points = [line for line in axes.lines if line.get_marker() == "o" and len(points_of(line)) == 1]
    assert [line.get_fillstyle() for line in points] == ["none", "full"]
    assert points_of(points[1])[0, 1] == stretched(np.array([0.5], np.float32))[0]


def test_only_the_inputs_that_contribute_most_are_drawn() -> None:
    axes = plots.importance(CONTRIBUTIONS).axes[0]
    assert len(axes.patches) == 15
    assert {bar.get_hatch() for bar in axes.patches} == {"//"}
    assert axes.get_yticklabels()[0].get_text() == "input 1"


def test_a_slice_with_too_few_frauds_is_marked_as_such() -> None:
    left, right = plots.by_slice(SLICES).axes
    assert [text.get_text() for text in left.texts] == ["too few frauds"]
    assert [text.get_text() for text in right.texts] == ["too few frauds"]
    names = [text.get_text() for text in left.get_yticklabels()]
    assert names[0] == "day 2026-01-01\n100 transactions, 9 frauds"


def test_days_have_counts_and_two_kinds_of_markers() -> None:
    top, bottom = plots.by_day(SLICES).axes
    assert {line.get_marker() for line in top.lines} >= {"o", "s"}
    assert [text.get_text() for text in bottom.texts] == ["9", "1"]
    assert [text.get_text() for text in bottom.get_xticklabels()] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("hits", "count", "expected"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0))],
)
def test_wilsons_interval_is_the_published_one(
    hits: int, count: int, expected: tuple[float, float]
) -> None:
    assert wilson(hits, count) == pytest.approx(expected, abs=5e-5)


def test_a_model_with_one_score_for_all_rows_is_drawn_too(tmp_path: Path) -> None:
    same = np.full(8, 0.25, dtype=np.float32)
    axes = plots.reliability(ROWS.labels, same).axes[0]
    assert [text.get_text() for text in axes.texts] == ["3 of 8"]
    assert texts(plots.savings(ROWS, same, COSTS, 1.0)) == [
        "threshold 1: 0 a day",
        "best in hindsight 0.25: 155 a day",
    ]
    plots.alerts_and_recall(ROWS, same, COSTS).savefig(tmp_path / "alerts.png")

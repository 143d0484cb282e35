"""Pictures of small arrays: what is drawn, and that it becomes a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from registry.evaluation.gates.no_worse import Interval
from registry.evaluation.measures import MEASURES
from registry.report.business import Count, Decisions
from registry.report.plots import (
    MAX_CURVE_POINTS,
    Difference,
    decisions,
    intervals,
    precision_recall,
    score_distribution,
    score_shift,
)
from tests.registry.trials import CANDIDATE, LABELS, PRODUCTION

CHANGED = Decisions(to_review=Count(12, 340), to_approve=Count(3, 5600))
DIFFERENCES = [
    Difference(
        MEASURES["average_precision"], Interval(difference=0.01, lower=-0.02, upper=0.04), -0.05
    ),
    Difference(MEASURES["roc_auc"], Interval(difference=0.02, lower=0.01, upper=0.03), None),
    Difference(
        MEASURES["money_saved_per_day"], Interval(difference=50, lower=-20, upper=90), -100.0
    ),
]
FIGURES = {
    "precision_recall": lambda: precision_recall(LABELS, {"a": CANDIDATE, "b": PRODUCTION}),
    "score_distribution": lambda: score_distribution(LABELS, CANDIDATE, 0.5),
    "score_shift": lambda: score_shift(LABELS, CANDIDATE, PRODUCTION, (0.5, 0.25)),
    "intervals": lambda: intervals(DIFFERENCES),
    "decisions": lambda: decisions(CHANGED),
}


def pixels(figure: Figure, path: Path) -> NDArray[np.float32]:
    figure.savefig(path)
    return np.asarray(imread(path), dtype=np.float32)[..., :3]


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_shows_something_and_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    first = pixels(FIGURES[name](), tmp_path / "first.png")
    assert first.shape[0] > 200
    assert first.shape[1] > 500
    assert (first.min(axis=2) < 0.5).mean() > 0.005
    pixels(FIGURES[name](), tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_curves_differ_without_colour_and_name_their_average_precision() -> None:
    (axes,) = precision_recall(LABELS, {"candidate": CANDIDATE, "Production": PRODUCTION}).axes
    candidate, production, chance = axes.lines
    assert candidate.get_linestyle() != production.get_linestyle()
    assert candidate.get_label() == "candidate: average precision 1.000"
    # From the top: fraud, genuine, fraud, fraud.
    expected = (1 / 1 + 2 / 3 + 3 / 4) / 3
    assert production.get_label() == f"Production: average precision {expected:.3f}"
    assert chance.get_label() == "chance: 0.3750"


def test_a_curve_of_many_rows_is_drawn_with_few_points() -> None:
    generator = np.random.default_rng(0)
    labels = (np.arange(50_000) % 5 == 0).astype(np.int8)
    scores = generator.random(50_000).astype(np.float32)
    (axes,) = precision_recall(labels, {"chance": scores}).axes
    recall = np.asarray(axes.lines[0].get_xdata())
    assert len(recall) == MAX_CURVE_POINTS
    assert (recall[0], recall[-1]) == (1.0, 0.0)


def test_many_frauds_are_sampled_and_the_legend_says_so() -> None:
    scores = np.linspace(0, 1, 4000, dtype=np.float32)
    labels = (np.arange(4000) % 2).astype(np.int8)
    axes = score_shift(labels, scores, scores, (0.5, 0.5)).axes[0]
    assert axes.lines[0].get_label() == "fraud (1,000 of 2,000)"
    assert len(np.asarray(axes.lines[0].get_xdata())) == 1000


def test_thresholds_lie_within_the_picture_also_where_no_score_reaches_them() -> None:
    low = np.full(8, 0.001, dtype=np.float32)
    axes = score_shift(LABELS, low, low, (0.9, 0.99)).axes[0]
    assert axes.get_xlim()[1] > np.log10(0.99 / 0.01)
    assert {text.get_text() for text in axes.texts} == {"approve → review", "review → approve"}


def dashed(axes: Axes) -> list[float]:
    return [
        float(np.asarray(line.get_xdata())[0])
        for line in axes.lines
        if line.get_linestyle() == "--"
    ]


def test_money_and_shares_have_axes_of_their_own() -> None:
    shares, money = intervals(DIFFERENCES).axes
    assert [one.get_text() for one in shares.get_yticklabels()] == [
        "average precision",
        "ROC AUC\n(no bound)",
    ]
    assert [one.get_text() for one in money.get_yticklabels()] == ["money saved per day"]
    assert dashed(shares) == [-0.05]
    assert dashed(money) == [-100.0]
    assert [text.get_text() for text in money.texts] == ["+50.00"]


def test_bars_of_decisions_carry_their_counts() -> None:
    left, right = decisions(CHANGED).axes
    assert [text.get_text() for text in left.texts] == ["12", "3"]
    assert [text.get_text() for text in right.texts] == ["340", "5,600"]
    assert [patch.get_hatch() for patch in left.patches] == ["///", "///"]


def test_no_changed_decision_is_a_picture_too(tmp_path: Path) -> None:
    figure = decisions(Decisions(to_review=Count(0, 0), to_approve=Count(0, 0)))
    assert pixels(figure, tmp_path / "none.png").shape[0] > 200

"""Plots of a training run, readable without colour; each is a figure of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from registry.evaluation.metrics import Costs, LabelledRows, money_saved, rank_within_day
from registry.evaluation.ranking import Scores
from registry.report.plots import show_probabilities, stretched
from training.importance import Contribution
from training.intervals import Estimate
from training.slices import MeasuredSlice

SIZE = (6.0, 4.2)
WIDE = (9.0, 4.2)
BINS = 12
MIN_DAYS_WIDTH = 5
"""The axis of days is at least that many days wide, or bars would be too broad."""

MAX_DAY_LABELS, MAX_LABELLED_BARS = 8, 20
MAX_INPUTS = 15
"""The inputs that contribute most are drawn; the bars of others would be too short to read."""


def reliability(labels: NDArray[np.int8], scores: Scores) -> Figure:
    """The share of fraud among rows of similar probability, with 95 % intervals (Wilson, 1927)."""
    figure, axes = _figure()
    positions = stretched(scores)
    bins = np.digitize(positions, np.linspace(positions.min(), positions.max(), BINS + 1)[1:-1])
    axes.plot([-4, 4], [-4, 4], ":", color="black", linewidth=1, label="perfectly calibrated")
    vertical: dict[str, Any] = {"rotation": 90, "fontsize": "x-small"}
    for number in np.unique(bins):
        inside = bins == number
        frauds, count = int(labels[inside].sum()), int(inside.sum())
        mean = float(stretched(scores[inside].mean(keepdims=True))[0])
        interval = stretched(np.array(wilson(frauds, count), dtype=np.float32))
        axes.plot([mean, mean], interval, "_-", color="black", markersize=7, linewidth=1)
        share = stretched(np.array([frauds / count], dtype=np.float32))
        axes.plot(mean, share, "o", color="black", fillstyle="full" if frauds else "none")
        note = f"{count:,}" if count >= 1000 else f"{frauds} of {count}"
        axes.text(mean, interval[1] + 0.25, note, ha="center", va="bottom", **vertical)
    label = "transactions of similar probability, 95 % interval"
    axes.plot([], [], "o-", color="black", label=label)
    show_probabilities(axes.xaxis)
    show_probabilities(axes.yaxis)
    axes.set(xlabel="predicted probability", ylabel="observed share of fraud")
    axes.set(xlim=(-4.2, 4.2), ylim=(-4.2, 5.8))
    axes.legend(loc="lower right", frameon=False, fontsize="small")
    return figure


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, 1927); `count` is above 0."""
    z = 1.959964
    middle = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * np.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def alerts_and_recall(rows: LabelledRows, scores: Scores, costs: Costs) -> Figure:
    """The share of frauds, and of their amounts, that a number of alerts a day catches."""
    figure, axes = _figure()
    rank = rank_within_day(scores, rows.days) + 1
    frauds = rows.labels == 1
    fraud_rank, amounts = rank[frauds], rows.amounts[frauds]
    steps = np.unique(np.append(fraud_rank, [1, costs.budget_per_day, rank.max()]))
    caught = np.searchsorted(np.sort(fraud_rank), steps, side="right")
    by_count = caught / len(fraud_rank)
    axes.plot(steps, by_count, "-", color="black", drawstyle="steps-post", label="frauds")
    if amounts.sum() > 0:
        total = np.append(0, np.cumsum(amounts[np.argsort(fraud_rank, kind="stable")]))
        by_money = total[caught] / amounts.sum()
        axes.plot(steps, by_money, "--", color="C0", drawstyle="steps-post", label="their amounts")
    within_budget = float((fraud_rank <= costs.budget_per_day).mean())
    label = f"alert budget of {costs.budget_per_day:,}: {within_budget:.0%} of the frauds"
    axes.axvline(costs.budget_per_day, linestyle=":", color="black", label=label)
    axes.set(xlabel="alerts per day", ylabel="share caught", xscale="log")
    axes.set(xlim=(1, max(2, int(steps.max()))), ylim=(0, 1.02))
    axes.legend(loc="lower right", fontsize="small")
    return figure


def savings(rows: LabelledRows, scores: Scores, costs: Costs, threshold: float) -> Figure:
    """Money saved per day by threshold, with the chosen one and the best in hindsight marked."""
    figure, axes = _figure()
    thresholds, saved = money_saved(rows, scores, costs.per_alert)
    per_day = saved / len(np.unique(rows.days))
    best = int(np.argmax(per_day))
    position = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
    at_threshold = float(per_day[position]) if position >= 0 else 0.0
    axes.plot(stretched(thresholds), per_day, "-", color="black", drawstyle="steps-post")
    axes.axhline(0, color="grey", linewidth=0.8)
    chosen = float(stretched(np.array([threshold], dtype=np.float32))[0])
    label = f"threshold {threshold:.4g}: {at_threshold:,.0f} a day"
    axes.plot([chosen, chosen], [0, at_threshold], "--", color="black", linewidth=1)
    axes.plot(chosen, at_threshold, "o", color="black", label=label)
    label = f"best in hindsight {thresholds[best]:.4g}: {per_day[best]:,.0f} a day"
    axes.plot(stretched(thresholds[best : best + 1]), per_day[best], "x", color="C3", label=label)
    top = max(float(per_day.max()), at_threshold, 1.0)
    axes.set_ylim(min(-0.15 * top, 1.2 * at_threshold), 1.25 * top)
    show_probabilities(axes.xaxis)
    axes.set(xlabel="threshold", ylabel="money saved per day")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left", frameon=False, fontsize="small")
    return figure


def importance(contributions: Sequence[Contribution]) -> Figure:
    """How far average precision drops when an input is shuffled; each shuffle is a cross."""
    highest = contributions[:MAX_INPUTS]
    figure, axes = _figure(height=1.2 + 0.26 * len(highest))
    names = [each.name for each in highest]
    drops = [each.drop for each in highest]
    axes.barh(names, drops, height=0.7, color="lightgrey", edgecolor="black", hatch="//")
    for row, each in enumerate(highest):
        axes.plot(each.drops, [row] * len(each.drops), "x", color="black", markersize=4)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set(xlabel="drop in average precision")
    return figure


def by_day(days: Sequence[MeasuredSlice]) -> Figure:
    """Average precision and frauds caught of each day with intervals, and its number of frauds."""
    figure = Figure(figsize=WIDE, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    precisions, recalls = [day.average_precision for day in days], [day.recall for day in days]
    _draw_days(top, precisions, "o", 0.0, "average precision")
    _draw_days(top, recalls, "s", 0.2, "frauds caught within the budget")
    top.set(ylabel="share", ylim=(-0.02, 1.02))
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    frauds = [day.frauds for day in days]
    bars = bottom.bar(range(len(days)), frauds, color="lightgrey", edgecolor="black", hatch="//")
    if len(days) <= MAX_LABELLED_BARS:
        bottom.bar_label(bars, fontsize="x-small")
    bottom.margins(y=0.2)
    bottom.set(ylabel="frauds", xlim=(-0.6, max(len(days), MIN_DAYS_WIDTH) - 0.4))
    ticks = np.linspace(0, len(days) - 1, min(len(days), MAX_DAY_LABELS))
    labelled = np.unique(ticks.astype(int))
    bottom.set_xticks(labelled, [days[row].name.removeprefix("day ") for row in labelled])
    bottom.tick_params(axis="x", labelrotation=30, labelsize="small")
    return figure


def _draw_days(
    axes: Axes, estimates: Sequence[Estimate | None], marker: str, shift: float, label: str
) -> None:
    fill: Literal["full", "none"] = "full" if shift == 0 else "none"
    for day, each in enumerate(estimates):
        if each is not None:
            x = day + shift
            axes.plot([x, x], [each.lower, each.upper], "-", color="black", linewidth=1)
            axes.plot(x, each.value, marker, color="black", fillstyle=fill, markersize=5)
    axes.plot([], [], f"{marker}-", color="black", fillstyle=fill, label=label)


def by_slice(slices: Sequence[MeasuredSlice]) -> Figure:
    """Average precision and the share of frauds caught, with intervals, of each slice."""
    figure = Figure(figsize=(WIDE[0], 1.3 + 0.3 * len(slices)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    recall_title = "share of frauds caught within the budget"
    _draw_slices(left, [each.average_precision for each in slices], "average precision")
    _draw_slices(right, [each.recall for each in slices], recall_title)
    names = [
        f"{each.name}\n{each.transactions:,} transactions, {each.frauds:,} frauds"
        for each in slices
    ]
    left.set_yticks(range(len(slices)), names, fontsize="x-small")
    left.set_ylim(len(slices) - 0.4, -0.6)
    return figure


def _draw_slices(axes: Axes, estimates: Sequence[Estimate | None], title: str) -> None:
    for y, each in enumerate(estimates):
        if each is None:
            axes.text(0.02, y, "too few frauds", va="center", fontsize="x-small")
        else:
            axes.plot([each.lower, each.upper], [y, y], "|-", color="black")
            axes.plot(each.value, y, "o", color="black", markersize=5)
    axes.set(xlabel=title, xlim=(-0.02, 1.02))
    axes.grid(axis="x", linestyle=":", linewidth=0.6)


def _figure(height: float = SIZE[1]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    return figure, figure.add_subplot()

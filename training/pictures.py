"""Pictures of a training run, readable without colour; each is a figure of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from registry.evaluation.metrics import Costs, LabelledRows, money_saved
from registry.report.plots import show_probabilities, stretched
from training.importance import Contribution
from training.intervals import Estimate
from training.slices import Part

Scores = NDArray[np.float32]
SIZE = (6.0, 4.2)
WIDE = (9.0, 4.2)
BINS = 12
FEWEST_DAYS = 5
MOST_INPUTS = 15
"""The inputs that are drawn; what the others contribute is little, and not to be read."""


def reliability(labels: NDArray[np.int8], scores: Scores) -> Figure:
    """The share of fraud among rows of like probability, with 95 % intervals (Wilson, 1927)."""
    figure, axes = _figure()
    places = stretched(scores)
    bins = np.digitize(places, np.linspace(places.min(), places.max(), BINS + 1)[1:-1])
    axes.plot([-4, 4], [-4, 4], ":", color="black", linewidth=1, label="perfectly calibrated")
    turned: dict[str, Any] = {"rotation": 90, "fontsize": "x-small"}
    for one in np.unique(bins):
        inside = bins == one
        frauds, count = int(labels[inside].sum()), int(inside.sum())
        place = float(stretched(scores[inside].mean(keepdims=True))[0])
        ends = stretched(np.array(wilson(frauds, count), dtype=np.float32))
        axes.plot([place, place], ends, "_-", color="black", markersize=7, linewidth=1)
        share = stretched(np.array([frauds / count], dtype=np.float32))
        axes.plot(place, share, "o", color="black", fillstyle="full" if frauds else "none")
        note = f"{count:,}" if count >= 1000 else f"{frauds} of {count}"
        axes.text(place, ends[1] + 0.25, note, ha="center", va="bottom", **turned)
    axes.plot([], [], "o-", color="black", label="transactions of like probability, 95 % interval")
    show_probabilities(axes.xaxis)
    show_probabilities(axes.yaxis)
    axes.set(xlabel="probability given", ylabel="share of fraud found", xlim=(-4.2, 4.2))
    axes.set_ylim(-4.2, 5.8)
    axes.legend(loc="lower right", frameon=False, fontsize="small")
    return figure


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, 1927); `count` is above 0."""
    z = 1.959964
    middle = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * np.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def alerts_and_recall(rows: LabelledRows, scores: Scores, costs: Costs) -> Figure:
    """The share of frauds, and of their money, that is caught for a number of alerts a day."""
    figure, axes = _figure()
    order = np.lexsort((-scores.astype(np.float64), rows.days))
    days = rows.days[order]
    rank = np.arange(len(days)) - np.searchsorted(days, days, side="left") + 1
    frauds = rows.labels[order] == 1
    found, amounts = rank[frauds], rows.amounts[order][frauds]
    steps = np.unique(np.append(found, [1, costs.budget_per_day, rank.max()]))
    by_count = np.searchsorted(np.sort(found), steps, side="right") / len(found)
    axes.plot(steps, by_count, "-", color="black", drawstyle="steps-post", label="frauds")
    if amounts.sum() > 0:
        money = np.append(0, np.cumsum(amounts[np.argsort(found, kind="stable")]))
        by_money = money[np.searchsorted(np.sort(found), steps, side="right")] / amounts.sum()
        axes.plot(steps, by_money, "--", color="C0", drawstyle="steps-post", label="their money")
    caught = float((found <= costs.budget_per_day).mean())
    label = f"alert budget of {costs.budget_per_day:,}: {caught:.0%} of the frauds"
    axes.axvline(costs.budget_per_day, linestyle=":", color="black", label=label)
    axes.set(xlabel="alerts per day", ylabel="share that is caught", xscale="log")
    axes.set(xlim=(1, max(2, int(steps.max()))), ylim=(0, 1.02))
    axes.legend(loc="lower right", fontsize="small")
    return figure


def savings(rows: LabelledRows, scores: Scores, costs: Costs, threshold: float) -> Figure:
    """Money saved per day for every threshold; the chosen one, and the best in hindsight."""
    figure, axes = _figure()
    thresholds, saved = money_saved(rows, scores, costs.per_alert)
    per_day = saved / len(np.unique(rows.days))
    best = int(np.argmax(per_day))
    at = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
    here = float(per_day[at]) if at >= 0 else 0.0
    axes.plot(stretched(thresholds), per_day, "-", color="black", drawstyle="steps-post")
    axes.axhline(0, color="grey", linewidth=0.8)
    chosen = float(stretched(np.array([threshold], dtype=np.float32))[0])
    label = f"threshold {threshold:.4g}: {here:,.0f} a day"
    axes.plot([chosen, chosen], [0, here], "--", color="black", linewidth=1)
    axes.plot(chosen, here, "o", color="black", label=label)
    label = f"best on these days {thresholds[best]:.4g}: {per_day[best]:,.0f} a day"
    axes.plot(stretched(thresholds[best : best + 1]), per_day[best], "x", color="C3", label=label)
    top = max(float(per_day.max()), here, 1.0)
    axes.set_ylim(min(-0.15 * top, 1.2 * here), 1.25 * top)
    show_probabilities(axes.xaxis)
    axes.set(xlabel="threshold", ylabel="money saved per day")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="upper left", frameon=False, fontsize="small")
    return figure


def importance(contributions: Sequence[Contribution]) -> Figure:
    """How far average precision falls when an input is shuffled; each shuffle is a cross."""
    drawn = contributions[:MOST_INPUTS]
    figure, axes = _figure(height=1.2 + 0.26 * len(drawn))
    names = [one.name for one in drawn]
    falls = [one.fall for one in drawn]
    axes.barh(names, falls, height=0.7, color="lightgrey", edgecolor="black", hatch="//")
    for place, one in enumerate(drawn):
        axes.plot(one.falls, [place] * len(one.falls), "x", color="black", markersize=4)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set(xlabel="fall of average precision")
    return figure


def by_day(parts: Sequence[Part]) -> Figure:
    """Average precision with intervals, and the counts, of each day in order."""
    figure = Figure(figsize=WIDE, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    days = range(len(parts))
    _draw_days(top, [one.average_precision for one in parts], "o", 0.0, "average precision")
    _draw_days(top, [one.recall for one in parts], "s", 0.2, "frauds caught within the budget")
    top.set(ylabel="share", ylim=(-0.02, 1.02))
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
    frauds = [one.frauds for one in parts]
    bars = bottom.bar(days, frauds, color="lightgrey", edgecolor="black", hatch="//")
    if len(parts) <= 20:
        bottom.bar_label(bars, fontsize="x-small")
    bottom.margins(y=0.2)
    bottom.set(ylabel="frauds", xlim=(-0.6, max(len(parts), FEWEST_DAYS) - 0.4))
    shown = np.unique(np.linspace(0, len(parts) - 1, min(len(parts), 8)).astype(int))
    bottom.set_xticks(shown, [parts[one].name.removeprefix("day ") for one in shown])
    bottom.tick_params(axis="x", labelrotation=30, labelsize="small")
    return figure


def _draw_days(
    axes: Axes, found: Sequence[Estimate | None], marker: str, shift: float, label: str
) -> None:
    for day, one in enumerate(found):
        if one is not None:
            place = day + shift
            axes.plot([place, place], [one.lower, one.upper], "-", color="black", linewidth=1)
            filled = "full" if shift == 0 else "none"
            axes.plot(place, one.value, marker, color="black", fillstyle=filled, markersize=5)
    filled = "full" if shift == 0 else "none"
    axes.plot([], [], f"{marker}-", color="black", fillstyle=filled, label=label)


def by_slice(parts: Sequence[Part]) -> Figure:
    """Average precision and the share of frauds caught, with intervals, of each slice."""
    figure = Figure(figsize=(WIDE[0], 1.3 + 0.3 * len(parts)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    titles = ("average precision", "share of frauds caught within the budget")
    for axes, title, which in zip(
        (left, right), titles, ("average_precision", "recall"), strict=True
    ):
        for place, part in enumerate(parts):
            one: Estimate | None = getattr(part, which)
            if one is None:
                axes.text(0.02, place, "too few frauds", va="center", fontsize="x-small")
            else:
                axes.plot([one.lower, one.upper], [place, place], "|-", color="black")
                axes.plot(one.value, place, "o", color="black", markersize=5)
        axes.set(xlabel=title, xlim=(-0.02, 1.02))
        axes.grid(axis="x", linestyle=":", linewidth=0.6)
    names = [
        f"{one.name}\n{one.transactions:,} transactions, {one.frauds:,} frauds" for one in parts
    ]
    left.set_yticks(range(len(parts)), names, fontsize="x-small")
    left.set_ylim(len(parts) - 0.4, -0.6)
    return figure


def _figure(height: float = SIZE[1]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    return figure, figure.add_subplot()

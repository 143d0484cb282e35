"""Plots of how scores find fraud and of what a promotion changes, readable without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

from registry.evaluation.gates.no_worse import Interval
from registry.evaluation.measures import Measure
from registry.report.business import Decisions
from registry.report.numbers import bounded_difference

LINES = ("-", "--", ":", "-.")
MAX_CURVE_POINTS = 2000
MAX_MARKED_FRAUDS = 1000
SEED = 20260104
MIN_PROBABILITY = 1e-4
"""Axes of probabilities are stretched near 0 and 1, and end this far from them."""

TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)


@dataclass(frozen=True)
class Difference:
    """One measure's difference candidate − Production, and the bound of its lower end, if any."""

    measure: Measure
    interval: Interval
    bound: float | None


def precision_recall(labels: NDArray[np.int8], scores: Mapping[str, NDArray[np.float32]]) -> Figure:
    """The precision-recall curve of each named score, all on the same n labels."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for line, (name, score) in zip(LINES, scores.items(), strict=False):
        precision, recall, _ = precision_recall_curve(labels, score, drop_intermediate=True)
        average = average_precision_score(labels, score)
        points = _thinned(len(recall))
        label = f"{name}: average precision {average:.3f}"
        axes.plot(recall[points], precision[points], line, drawstyle="steps-post", label=label)
    share = labels.mean()
    axes.axhline(share, color="grey", linewidth=0.8, label=f"chance: {share:.4f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="best")
    return figure


def _thinned(count: int) -> NDArray[np.intp]:
    """Indices of at most `MAX_CURVE_POINTS` of `count` points, the first and the last included."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_CURVE_POINTS)).astype(np.intp))


def score_distribution(
    labels: NDArray[np.int8], scores: NDArray[np.float32], threshold: float
) -> Figure:
    """How the probabilities of frauds and of genuine transactions lie about the threshold."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    bins = np.linspace(0, 1, 51).tolist()
    axes.hist(scores[labels == 0], bins=bins, color="lightgrey", label="genuine")
    axes.hist(scores[labels == 1], bins=bins, histtype="step", color="black", label="fraud")
    axes.axvline(threshold, linestyle="--", color="black", label=f"threshold {threshold:.3f}")
    axes.set(xlabel="probability of fraud", ylabel="transactions", yscale="log", xlim=(0, 1))
    axes.legend()
    return figure


def score_shift(
    labels: NDArray[np.int8],
    candidate: NDArray[np.float32],
    production: NDArray[np.float32],
    thresholds: tuple[float, float],
) -> Figure:
    """Each transaction's probability by both models; `thresholds` are the candidate's and
    Production's. Genuine transactions are counted in shades of grey, frauds are crosses.
    """
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    before, after = stretched(production), stretched(candidate)
    genuine = labels == 0
    *_, image = axes.hist2d(
        before[genuine], after[genuine], bins=60, cmap="Greys", norm=LogNorm(vmin=0.2)
    )
    figure.colorbar(image, label="genuine transactions")
    frauds = np.flatnonzero(~genuine)
    marked = np.random.default_rng(SEED).permutation(frauds)[:MAX_MARKED_FRAUDS]
    label = "fraud" if len(marked) == len(frauds) else f"fraud ({len(marked):,} of {len(frauds):,})"
    axes.plot(before[marked], after[marked], "x", color="C3", markersize=4, label=label)
    cuts = stretched(np.asarray(thresholds, dtype=np.float32))
    everything = np.concatenate([before, after, cuts])
    _draw_decisions(axes, cuts, (everything.min() - 0.4, everything.max() + 0.4))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_decisions(axes: Axes, cuts: NDArray[np.float64], ends: tuple[float, float]) -> None:
    """Both thresholds, which part the four pairs of decisions, and the line of no change."""
    axes.plot(ends, ends, ":", color="black", linewidth=1, label="same probability")
    axes.axhline(cuts[0], linestyle="--", color="black", linewidth=1, label="threshold of each")
    axes.axvline(cuts[1], linestyle="--", color="black", linewidth=1)
    axes.text(0.02, 0.98, "approve → review", ha="left", va="top", transform=axes.transAxes)
    axes.text(0.98, 0.02, "review → approve", ha="right", va="bottom", transform=axes.transAxes)
    show_probabilities(axes.xaxis)
    show_probabilities(axes.yaxis)
    axes.set(xlabel="probability by Production", ylabel="probability by the candidate")
    axes.set(xlim=ends, ylim=ends)


def show_probabilities(axis: Axis) -> None:
    """Label an axis of `stretched` probabilities with the probabilities themselves."""
    axis.set_ticks(stretched(np.asarray(TICKS, dtype=np.float32)).tolist())
    axis.set_ticklabels([f"{tick:g}" for tick in TICKS])


def stretched(probability: NDArray[np.float32]) -> NDArray[np.float64]:
    """Log-odds to base 10 of probabilities of any shape, cut off near 0 and 1."""
    inside = np.clip(probability.astype(np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log10(inside / (1 - inside)))


def intervals(differences: Sequence[Difference]) -> Figure:
    """Each difference with its interval, zero and the bound; shares and money on separate axes."""
    shares = [each for each in differences if each.measure.unit != "money"]
    money = [each for each in differences if each.measure.unit == "money"]
    axis_of = {"as a share of 1": shares, "in the amounts' currency": money}
    panels = {axis: panel for axis, panel in axis_of.items() if panel}
    heights = [len(panel) + 0.6 for panel in panels.values()]
    figure = Figure(figsize=(7.5, 0.55 * sum(heights) + 1.2), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (axis, panel) in zip(grid, panels.items(), strict=True):
        _draw_intervals(axes, panel)
        axes.set_xlabel(f"candidate - Production, {axis}", fontsize="small")
    lines = {
        line.get_label(): line for axes in grid for line in axes.get_legend_handles_labels()[0]
    }
    figure.legend(handles=lines.values(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw_intervals(axes: Axes, panel: Sequence[Difference]) -> None:
    axes.axvline(0, color="grey", linewidth=1, label="no difference")
    for place, row in enumerate(panel):
        interval, measure = row.interval, row.measure
        # Not an error bar: the measured difference may be outside the interval of the resamples.
        axes.plot([interval.lower, interval.upper], [place] * 2, "|-", color="black", markersize=10)
        point = (interval.difference, place)
        axes.plot(*point, "o", color="black", label="difference and interval")
        text = bounded_difference(measure, interval.difference)
        axes.annotate(
            text, point, (0, 6), textcoords="offset points", ha="center", fontsize="small"
        )
        if row.bound is not None:
            side, bound = ("right", row.bound) if measure.higher_is_better else ("left", -row.bound)
            name = f"bound: the interval must lie {side} of it"
            axes.plot([bound] * 2, [place - 0.4, place + 0.4], "--", color="C3", label=name)
    names = [
        row.measure.phrase if row.bound is not None else f"{row.measure.phrase}\n(no bound)"
        for row in panel
    ]
    axes.set(yticks=range(len(panel)), yticklabels=names, ylim=(len(panel) - 0.5, -0.7))
    axes.margins(x=0.1)


def decisions(changed: Decisions) -> Figure:
    """How many transactions get a different decision; frauds and genuine ones on separate axes."""
    moves = {"approve → review": changed.to_review, "review → approve": changed.to_approve}
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    frauds = [count.frauds for count in moves.values()]
    genuine = [count.genuine for count in moves.values()]
    parts = ((left, "frauds", frauds, "///"), (right, "genuine transactions", genuine, ""))
    for axes, title, counts, hatch in parts:
        bars = axes.barh(list(moves), counts, hatch=hatch, color="lightgrey", edgecolor="black")
        axes.bar_label(bars, fmt="{:,.0f}", padding=3)
        axes.set(title=title, xlabel="transactions")
        axes.set_xlim(0, 1.2 * max(1, *counts))
        axes.locator_params(axis="x", integer=True, nbins=5)
    left.invert_yaxis()
    return figure

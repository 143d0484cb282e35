"""Pictures of how scores find fraud, readable without colour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

LINES = ("-", "--", ":", "-.")


def precision_recall(labels: NDArray[np.int8], scores: Mapping[str, NDArray[np.float32]]) -> Figure:
    """The precision-recall curve of each named score, all on the same n labels."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for line, (name, score) in zip(LINES, scores.items(), strict=False):
        precision, recall, _ = precision_recall_curve(labels, score)
        average = average_precision_score(labels, score)
        axes.plot(recall, precision, line, label=f"{name}: average precision {average:.3f}")
    share = labels.mean()
    axes.axhline(share, color="grey", linewidth=0.8, label=f"chance: {share:.4f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper right")
    return figure


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

"""What each input contributes: how far average precision drops when its values are shuffled."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from registry.model.scorer import Scorer

MAX_FRAUDS, MAX_GENUINE = 400, 2000
"""The maximum number of rows of each label in the sample of a shuffle."""

SHUFFLES = 4


@dataclass(frozen=True)
class Contribution:
    """The drop of average precision without one input: the mean, and that of each shuffle."""

    name: str
    drop: float
    drops: tuple[float, ...]


def contributions(
    scorer: Scorer, rows: NDArray[np.float32], labels: NDArray[np.int8], seed: int
) -> tuple[Contribution, ...]:
    """Permutation importance (Breiman, 2001; Fisher et al., 2019) of the ONNX model, highest first.

    `rows` are encoded, of shape (n, inputs), and `labels` of shape (n,) contain both 0 and 1. Each
    shuffle uses a sample, weighted by label so that the share of fraud stays that of all rows.
    """
    generator = np.random.default_rng(seed)
    shuffles = [_shuffle(scorer, rows, labels, generator) for _ in range(SHUFFLES)]

    def contribution(column: int) -> Contribution:
        drops = tuple(shuffle.drop(scorer, rows, column) for shuffle in shuffles)
        return Contribution(scorer.contract.names[column], float(np.mean(drops)), drops)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        by_column = list(threads.map(contribution, range(rows.shape[1])))
    return tuple(sorted(by_column, key=lambda each: -each.drop))


@dataclass(frozen=True)
class _Shuffle:
    """A weighted sample of m rows, and for each the row in `others` that replaces its value."""

    sample: NDArray[np.intp]
    others: NDArray[np.intp]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64]
    unshuffled: float

    def drop(self, scorer: Scorer, rows: NDArray[np.float32], column: int) -> float:
        shuffled = rows[self.sample]
        shuffled[:, column] = rows[self.others, column]
        scores = scorer.score(shuffled)
        without = average_precision_score(self.labels, scores, sample_weight=self.weights)
        return self.unshuffled - float(without)


def _shuffle(
    scorer: Scorer,
    rows: NDArray[np.float32],
    labels: NDArray[np.int8],
    generator: np.random.Generator,
) -> _Shuffle:
    sample, weights = _sample(labels, generator)
    # Drawn from all rows: in the sample, frauds are far more frequent than they are.
    others = generator.integers(len(rows), size=len(sample))
    scores, truth = scorer.score(rows[sample]), labels[sample]
    unshuffled = float(average_precision_score(truth, scores, sample_weight=weights))
    return _Shuffle(sample, others, truth, weights, unshuffled)


def _sample(
    labels: NDArray[np.int8], generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows of both labels, and how many rows of its label each of them represents."""
    samples: list[NDArray[np.intp]] = []
    weights: list[NDArray[np.float64]] = []
    for label, maximum in ((1, MAX_FRAUDS), (0, MAX_GENUINE)):
        rows = np.flatnonzero(labels == label)
        sample = generator.permutation(rows)[:maximum]
        samples.append(sample)
        weights.append(np.full(len(sample), len(rows) / len(sample)))
    return np.concatenate(samples), np.concatenate(weights)

"""What each input contributes: how far average precision falls when its values are shuffled."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from registry.model.scorer import Scorer

FRAUDS, GENUINE = 400, 2000
"""Rows that a shuffle looks at, at most."""

SHUFFLES = 4


@dataclass(frozen=True)
class Contribution:
    """The fall of average precision without one input: the mean, and each shuffle's."""

    name: str
    fall: float
    falls: tuple[float, ...]


def contributions(
    scorer: Scorer, rows: NDArray[np.float32], labels: NDArray[np.int8], seed: int
) -> tuple[Contribution, ...]:
    """Permutation importance (Breiman, 2001; Fisher et al., 2019) of the ONNX bytes, highest first.

    `rows` are encoded, of shape (n, inputs), and `labels` of shape (n,) hold both 0 and 1. Each
    shuffle looks at a sample, whose rows stand for as many of their label as were left out, so
    that the share of fraud stays what it is.
    """
    generator = np.random.default_rng(seed)
    shuffles = [_shuffle(scorer, rows, labels, generator) for _ in range(SHUFFLES)]

    def contribution(column: int) -> Contribution:
        falls = tuple(shuffle.fall(scorer, rows, column) for shuffle in shuffles)
        return Contribution(scorer.contract.names[column], float(np.mean(falls)), falls)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(contribution, range(rows.shape[1])))
    return tuple(sorted(found, key=lambda one: -one.fall))


@dataclass(frozen=True)
class _Shuffle:
    """m of n rows, with weights, and for each of them another row whose value it is given."""

    sample: NDArray[np.intp]
    others: NDArray[np.intp]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64]
    whole: float

    def fall(self, scorer: Scorer, rows: NDArray[np.float32], column: int) -> float:
        shuffled = rows[self.sample]
        shuffled[:, column] = rows[self.others, column]
        scores = scorer.score(shuffled)
        without = average_precision_score(self.labels, scores, sample_weight=self.weights)
        return self.whole - float(without)


def _shuffle(
    scorer: Scorer,
    rows: NDArray[np.float32],
    labels: NDArray[np.int8],
    generator: np.random.Generator,
) -> _Shuffle:
    sample, weights = _sample(labels, generator)
    # Of all rows: in the sample, frauds are far more frequent than they are.
    others = generator.integers(len(rows), size=len(sample))
    scores, truth = scorer.score(rows[sample]), labels[sample]
    whole = float(average_precision_score(truth, scores, sample_weight=weights))
    return _Shuffle(sample, others, truth, weights, whole)


def _sample(
    labels: NDArray[np.int8], generator: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows of either label, and how many rows each of them stands for."""
    parts: list[NDArray[np.intp]] = []
    weights: list[NDArray[np.float64]] = []
    for label, most in ((1, FRAUDS), (0, GENUINE)):
        having = np.flatnonzero(labels == label)
        taken = generator.permutation(having)[:most]
        parts.append(taken)
        weights.append(np.full(len(taken), len(having) / len(taken)))
    return np.concatenate(parts), np.concatenate(weights)

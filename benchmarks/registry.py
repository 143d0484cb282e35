"""`make bench-registry`: the paired bootstrap, sorted once and reweighted, or done naively."""

from __future__ import annotations

import statistics
import time
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.measures import detection, measures_of
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking

COSTS = Costs(budget_per_day=100, per_alert=5.0)
MEASURES = measures_of("no_worse")


def simulated(count: int) -> tuple[LabelledRows, list[NDArray[np.float32]]]:
    """`count` transactions over 30 days, 1 in 200 a fraud, with the scores of two models."""
    generator = np.random.default_rng(0)
    labels = (generator.random(count) < 0.005).astype(np.int8)
    days = np.sort(generator.integers(0, 30, count))
    rows = LabelledRows(labels, days, generator.exponential(50.0, count))
    first = generator.normal(size=count) + 2 * labels
    second = first + 0.3 * generator.normal(size=count)
    return rows, [first.astype(np.float32), second.astype(np.float32)]


def ranked(rows: LabelledRows, scores: list[NDArray[np.float32]]) -> list[Ranking]:
    return [Ranking(rows, score, COSTS) for score in scores]


def naive(
    rows: LabelledRows, scores: list[NDArray[np.float32]], resamples: int
) -> NDArray[np.float64]:
    """Draw rows with replacement and measure each model on them from scratch."""
    generator = np.random.default_rng(0)
    measured: list[list[list[float]]] = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(rows.labels), len(rows.labels))
        sample = LabelledRows(rows.labels[drawn], rows.days[drawn], rows.amounts[drawn])
        models = [detection(sample, score[drawn], COSTS) for score in scores]
        measured.append([list(measures.values()) for measures in models])
    return np.array(measured)


def main(
    count: Annotated[int, typer.Option(help="Number of transactions.")] = 500_000,
    resamples: Annotated[int, typer.Option(help="Resamples of the full call.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of the comparison.")] = 3,
) -> None:
    """Time all measures of two models, and compare the standard errors of both methods."""
    rows, scores = simulated(count)
    many, few = 100, 5
    our_seconds: list[float] = []
    naive_seconds: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        bootstrap(ranked(rows, scores), MEASURES, resamples=many, seed=0)
        middle = time.perf_counter()
        naive(rows, scores, few)
        our_seconds.append((middle - start) / many)
        naive_seconds.append((time.perf_counter() - middle) / few)
    ours, theirs = statistics.median(our_seconds), statistics.median(naive_seconds)
    print(f"{count:,} transactions, {len(scores)} models, median of {rounds} interleaved rounds")
    print(f"  a resample, sorted once and reweighted: {ours * 1e3:8.1f} ms")
    print(f"  a resample, drawn and measured anew:    {theirs * 1e3:8.1f} ms")
    total = f"{theirs * resamples:.0f} s"
    print(f"  ratio: {theirs / ours:.0f}; {resamples:,} naive resamples: {total}")
    start = time.perf_counter()
    measured = bootstrap(ranked(rows, scores), MEASURES, resamples=resamples, seed=0)
    print(f"  {resamples:,} resamples, whole call: {time.perf_counter() - start:.1f} s")
    errors = (measured[:, 0] - measured[:, 1]).std(axis=0)
    drawn = naive(rows, scores, 100)
    print("  standard errors of the differences, ours and of 100 naive resamples:")
    print("  ", np.array2string(errors, precision=5))
    print("  ", np.array2string((drawn[:, 0] - drawn[:, 1]).std(axis=0), precision=5))


if __name__ == "__main__":
    typer.run(main)

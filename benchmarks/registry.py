"""`make bench-registry`: the paired bootstrap, sorted once and reweighted, beside the naive way."""

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


def made(count: int) -> tuple[LabelledRows, list[NDArray[np.float32]]]:
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
    measures: list[list[list[float]]] = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(rows.labels), len(rows.labels))
        part = LabelledRows(rows.labels[drawn], rows.days[drawn], rows.amounts[drawn])
        each = [detection(part, score[drawn], COSTS) for score in scores]
        measures.append([list(one.values()) for one in each])
    return np.array(measures)


def main(
    count: Annotated[int, typer.Option(help="Transactions.")] = 500_000,
    resamples: Annotated[int, typer.Option(help="Resamples, of ours in full.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds of the comparison.")] = 3,
) -> None:
    """Time all measures of two models, and compare the standard errors that both ways give."""
    rows, scores = made(count)
    many, few = 100, 5
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        bootstrap(ranked(rows, scores), MEASURES, resamples=many, seed=0)
        middle = time.perf_counter()
        naive(rows, scores, few)
        ours.append((middle - start) / many)
        theirs.append((time.perf_counter() - middle) / few)
    one, other = statistics.median(ours), statistics.median(theirs)
    print(f"{count:,} transactions, {len(scores)} models, median of {rounds} interleaved rounds")
    print(f"  a resample, sorted once and reweighted: {one * 1e3:8.1f} ms")
    print(f"  a resample, drawn and measured anew:    {other * 1e3:8.1f} ms")
    print(f"  ratio: {other / one:.0f}; {resamples:,} of the naive: {other * resamples:.0f} s")
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

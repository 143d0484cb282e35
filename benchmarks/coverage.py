"""`make bench-coverage`: how often the 95 % intervals of a run hold what they estimate.

Data sets are drawn from one distribution. The intervals of each should hold the mean of the measure
over many such data sets in 95 of 100 cases. Cards are resampled, as for data that identifies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer

from registry.evaluation.measures import MEASURES, measure_all
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.ranking import Ranking, Scores
from training.intervals import estimates

ROWS, DAYS, ROWS_PER_CARD = 2000, 10, 5
THRESHOLD = 0.1
TRUTH_SETS = 1000
"""Data sets over which the mean is taken that the intervals should hold."""


@dataclass(frozen=True)
class Scenario:
    """The share of cards with frauds, how far their scores lie apart, and the alert budget."""

    share: float
    separation: float
    budget: int


SCENARIOS: Mapping[str, Scenario] = {
    "hard": Scenario(0.05, 2.5, 8),
    "easy": Scenario(0.10, 3.5, 16),
    "saturated": Scenario(0.10, 5.0, 8),
}
"""In the last, nearly all alerts are frauds and nearly all frauds are above the threshold."""


@dataclass(frozen=True)
class Coverage:
    """The share of intervals that hold the truth, and the share of data sets that have one."""

    held: float
    printed: float


def draw(scenario: Scenario, seed: int) -> tuple[LabelledRows, Scores]:
    """Labelled rows of cards whose frauds come in series, and the scores of a model."""
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, ROWS // ROWS_PER_CARD, ROWS)
    cards = np.unique(drawn, return_inverse=True)[1]
    count = cards.max() + 1
    stolen = generator.random(count) < scenario.share
    labels = (stolen[cards] & (generator.random(ROWS) < 0.8)).astype(np.int8)
    per_card = 0.5 * generator.normal(size=count)
    log_odds = generator.normal(size=ROWS) + scenario.separation * labels - 4 + per_card[cards]
    rows = LabelledRows(
        labels,
        generator.integers(0, DAYS, ROWS),
        np.round(generator.exponential(50, ROWS), 2),
        cards,
    )
    return rows, (1 / (1 + np.exp(-log_odds))).astype(np.float32)


def coverage(scenario: Scenario, sets: int) -> dict[str, Coverage]:
    """The coverage of each measure's interval over so many data sets."""
    costs = Costs(scenario.budget, 5.0)
    truth: dict[str, list[float]] = {name: [] for name in MEASURES}
    for seed in range(TRUTH_SETS):
        rows, scores = draw(scenario, sets + seed)
        ranking = Ranking(rows, scores, costs, THRESHOLD)
        for name, value in measure_all(ranking, list(MEASURES.values())).items():
            truth[name].append(value)
    held: dict[str, list[bool]] = {name: [] for name in MEASURES}
    for seed in range(sets):
        rows, scores = draw(scenario, seed)
        for name, estimate in estimates(rows, scores, costs, THRESHOLD).items():
            if estimate.has_interval:
                held[name].append(estimate.lower <= float(np.mean(truth[name])) <= estimate.upper)
    return {
        name: Coverage(float(np.mean(inside)) if inside else np.nan, len(inside) / sets)
        for name, inside in held.items()
    }


def main(
    sets: Annotated[int, typer.Option(min=10, help="Data sets for each scenario.")] = 400,
) -> None:
    """Print the coverage of the interval of each measure, in percent; 95 is right.

    Example: make bench-coverage ARGS="--sets 100"
    """
    found = {name: coverage(scenario, sets) for name, scenario in SCENARIOS.items()}
    print(f"{'measure':32}" + "".join(f"{name:>18}" for name in found))
    for name in MEASURES:
        cells = (f"{each[name].held:.1%} of {each[name].printed:.0%}" for each in found.values())
        print(f"{name:32}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    typer.run(main)

"""What a promotion would change for the business: alerts within the budget, and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.gates.no_worse import Interval
from registry.evaluation.measures import MEASURES, Measure, Unit, measure_all
from registry.evaluation.ranking import Ranking


@dataclass(frozen=True)
class Comparison:
    """One number of both models, and the interval of candidate − Production where it is known."""

    name: str
    unit: Unit
    candidate: float
    production: float | None
    interval: Interval | None = None
    higher_is_better: bool = True

    @property
    def difference(self) -> float | None:
        return None if self.production is None else self.candidate - self.production

    @property
    def reading(self) -> str:
        """Which model is better by the interval, if either."""
        if self.interval is None:
            return ""
        if self.interval.lower <= 0 <= self.interval.upper:
            return "no clear difference"
        return "better" if (self.interval.lower > 0) == self.higher_is_better else "worse"

    def scaled(self, factor: float, name: str, unit: Unit) -> Comparison:
        """The same comparison in another unit; `factor` is positive."""
        ends = self.interval
        return replace(
            self,
            name=name,
            unit=unit,
            candidate=self.candidate * factor,
            production=None if self.production is None else self.production * factor,
            interval=ends
            and Interval(
                difference=ends.difference * factor,
                lower=ends.lower * factor,
                upper=ends.upper * factor,
            ),
        )


@dataclass(frozen=True)
class Count:
    """How many of some transactions are frauds, and how many genuine."""

    frauds: int
    genuine: int

    @property
    def total(self) -> int:
        return self.frauds + self.genuine

    def __str__(self) -> str:
        frauds = "fraud" if self.frauds == 1 else "frauds"
        return f"{self.frauds:,} {frauds}, {self.genuine:,} genuine"


@dataclass(frozen=True)
class Decisions:
    """How many transactions the candidate decides differently from Production."""

    to_review: Count
    to_approve: Count

    @property
    def total(self) -> int:
        return self.to_review.total + self.to_approve.total


def at_budget(trial: Trial, intervals: Mapping[str, Interval]) -> tuple[Comparison, ...]:
    """Frauds caught per day, and each measure that has a label in the report.

    `intervals` are those of the differences of the measures, by name. Money is in the amounts'
    currency; the interval of the frauds caught per day is for as many frauds as there are in the
    rows.
    """
    rows = trial.rows.labelled
    measures = [measure for measure in MEASURES.values() if measure.report_label]

    def measured(model: ScoredModel) -> dict[str, float]:
        return measure_all(Ranking(rows, model.scores, trial.costs), measures)

    candidate = measured(trial.candidate)
    production = measured(trial.production) if trial.production else None

    def compare(measure: Measure) -> Comparison:
        return Comparison(
            name=measure.report_label,
            unit=measure.unit,
            candidate=candidate[measure.name],
            production=production[measure.name] if production else None,
            interval=intervals.get(measure.name) if production else None,
            higher_is_better=measure.higher_is_better,
        )

    frauds_per_day = int(rows.labels.sum()) / len(np.unique(rows.days))
    caught = compare(MEASURES["budget_recall"])
    return (
        caught.scaled(frauds_per_day, "Frauds caught per day", "count"),
        *(compare(measure) for measure in measures),
    )


def count(labels: NDArray[np.int8], chosen: NDArray[np.bool_]) -> Count:
    """The transactions where `chosen` is true; both of shape (n,)."""
    frauds = int((labels[chosen] == 1).sum())
    return Count(frauds=frauds, genuine=int(chosen.sum()) - frauds)


def changed_decisions(trial: Trial) -> Decisions | None:
    """Decisions at each model's own threshold; None where nothing is in Production yet."""
    if trial.production is None:
        return None
    labels = trial.rows.labelled.labels
    after, before = trial.candidate.needs_review, trial.production.needs_review
    return Decisions(
        to_review=count(labels, after & ~before), to_approve=count(labels, before & ~after)
    )

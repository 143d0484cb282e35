"""What a promotion would change for the business: alerts within the budget, and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.gates.gate import Judged, Trial
from registry.evaluation.gates.no_worse import Interval
from registry.evaluation.metrics import Detection, detection
from registry.report.numbers import Unit


@dataclass(frozen=True)
class Comparison:
    """One number of both models, and the interval of candidate − Production where one is known."""

    name: str
    unit: Unit
    candidate: float
    production: float | None
    interval: Interval | None = None

    @property
    def difference(self) -> float | None:
        return None if self.production is None else self.candidate - self.production

    @property
    def reading(self) -> str:
        """What the interval says: which model is better, or that it cannot be told."""
        if self.interval is None:
            return ""
        if self.interval.lower > 0:
            return "better"
        return "worse" if self.interval.upper < 0 else "no clear difference"

    def times(self, factor: float, name: str, unit: Unit) -> Comparison:
        """The same comparison in another unit; `factor` is positive."""
        one, production = self.interval, self.production
        return Comparison(
            name,
            unit,
            self.candidate * factor,
            None if production is None else production * factor,
            one
            and Interval(
                difference=one.difference * factor,
                lower=one.lower * factor,
                upper=one.upper * factor,
            ),
        )


@dataclass(frozen=True)
class Count:
    """How many transactions of some kind are frauds, and how many genuine."""

    frauds: int
    genuine: int

    @property
    def total(self) -> int:
        return self.frauds + self.genuine

    def __str__(self) -> str:
        return f"{self.frauds:,} fraud{'s' * (self.frauds != 1)}, {self.genuine:,} genuine"


@dataclass(frozen=True)
class Decisions:
    """How many transactions the candidate decides otherwise than Production does."""

    to_review: Count
    to_approve: Count

    @property
    def total(self) -> int:
        return self.to_review.total + self.to_approve.total


def at_budget(trial: Trial, intervals: Mapping[str, Interval]) -> tuple[Comparison, ...]:
    """Frauds caught, money saved and precision, of the alerts that the analysts have time for.

    `intervals` are of the differences of the measures, by name. Money is in the amounts' currency;
    the interval of the frauds caught per day is for as many frauds as there are in the rows.
    """
    rows = trial.rows.judged
    frauds_per_day = int(rows.labels.sum()) / len(np.unique(rows.days))
    candidate = detection(rows, trial.candidate.scores, trial.costs)
    production: Detection | None = None
    if trial.production is not None:
        production = detection(rows, trial.production.scores, trial.costs)

    def compare(name: str, unit: Unit, measure: str) -> Comparison:
        other = None if production is None else float(getattr(production, measure))
        value, interval = float(getattr(candidate, measure)), intervals.get(measure)
        return Comparison(name, unit, value, other, None if other is None else interval)

    share = compare("Share of all frauds that is caught", "share", "budget_recall")
    return (
        share.times(frauds_per_day, "Frauds caught per day", "count"),
        share,
        compare("Money saved per day, in the amounts' currency", "money", "money_saved_per_day"),
        compare("Precision of the alerts", "share", "budget_precision"),
    )


def reviewed(judged: Judged) -> NDArray[np.bool_]:
    """Which of n transactions the service would send to review, shape (n,)."""
    return judged.scores >= judged.scorer.contract.threshold


def count(labels: NDArray[np.int8], chosen: NDArray[np.bool_]) -> Count:
    """The transactions where `chosen` is true; both of shape (n,)."""
    frauds = int((labels[chosen] == 1).sum())
    return Count(frauds=frauds, genuine=int(chosen.sum()) - frauds)


def changed_decisions(trial: Trial) -> Decisions | None:
    """Decisions at each model's own threshold; None where nothing is in Production yet."""
    if trial.production is None:
        return None
    labels = trial.rows.judged.labels
    after, before = reviewed(trial.candidate), reviewed(trial.production)
    return Decisions(
        to_review=count(labels, after & ~before), to_approve=count(labels, before & ~after)
    )

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.gates.gate import Gate, Measured, Trial, Verdict, words
from registry.evaluation.metrics import MEASURES, Detection, detection

SEED = 20260101
"""Of the resampling: fixed, so that the same files on the same rows get the same verdict."""

FEW_FRAUDS = 100
"""With fewer, the interval is rough: at 30, up to 9 in 100 pass that are worse by the margin."""

Margin = Annotated[float, Field(ge=0)]
Measure = Literal[
    "average_precision", "roc_auc", "budget_precision", "budget_recall", "money_saved_per_day"
]


class Interval(Measured):
    """A difference candidate − Production: as measured, and between which ends it is likely."""

    difference: float
    lower: float
    upper: float


class NoWorseMeasured(Measured):
    candidate: Detection
    production: Detection | None
    intervals: dict[str, Interval]
    resamples: int
    clustered: bool
    independent_frauds: int


class NoWorse(Gate):
    """Paired bootstrap, one-sided: the lower end of the difference is above minus the margin.

    `lower` and `upper` are the `alpha` and `1 - alpha` quantiles of the differences over the
    resamples: each is the end of a one-sided interval of confidence `1 - alpha` (Efron and
    Tibshirani, 1993, percentile interval).
    """

    name: ClassVar[str] = "no_worse"
    measured_as: ClassVar[type[Measured]] = NoWorseMeasured

    margin: Annotated[dict[Measure, Margin], Field(min_length=1)]
    better: tuple[Measure, ...] = ()
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2000

    def __str__(self) -> str:
        return "the candidate is no worse than Production on the same transactions"

    def measure(self, trial: Trial) -> NoWorseMeasured:
        rows, costs = trial.rows.judged, trial.costs
        candidate = detection(rows, trial.candidate.scores, costs)
        production: Detection | None = None
        intervals: dict[str, Interval] = {}
        if trial.production is not None:
            production = detection(rows, trial.production.scores, costs)
            measures = bootstrap(
                rows,
                [trial.candidate.scores, trial.production.scores],
                costs,
                resamples=self.resamples,
                seed=SEED,
            )
            differences = measures[:, 0] - measures[:, 1]
            lower, upper = np.nanquantile(differences, [self.alpha, 1 - self.alpha], axis=0)
            better, worse = asdict(candidate), asdict(production)
            for index, name in enumerate(MEASURES):
                intervals[name] = Interval(
                    difference=better[name] - worse[name],
                    lower=float(lower[index]),
                    upper=float(upper[index]),
                )
        return NoWorseMeasured(
            candidate=candidate,
            production=production,
            intervals=intervals,
            resamples=self.resamples,
            clustered=rows.clusters is not None,
            independent_frauds=rows.independent_frauds,
        )

    def verdicts(self, measured: NoWorseMeasured) -> list[Verdict]:
        return [
            *(self._judge(measured, name, -margin) for name, margin in self.margin.items()),
            *(self._judge(measured, name, 0.0, better=True) for name in self.better),
        ]

    def _judge(
        self, measured: NoWorseMeasured, name: str, bound: float, *, better: bool = False
    ) -> Verdict:
        part = f"{name}.better" if better else name
        asks = f"{words(name)} is surely {'above' if better else f'no more than {-bound:g} below'}"
        asks += f" Production's ({1 - self.alpha:.0%} confidence)"
        if measured.production is None:
            note = "nothing is in Production yet to compare with"
            return self.verdict(
                part=part, asks=asks, measured=0.0, bound=bound, passed=True, note=note
            )
        interval = measured.intervals[name]
        note = (
            f"difference {interval.difference:+.4g}, likely {interval.lower:+.4g} "
            f"to {interval.upper:+.4g}"
        )
        if measured.independent_frauds < FEW_FRAUDS:
            note += f"; rough, with only {measured.independent_frauds} independent frauds"
        return self.verdict(
            part=part,
            asks=asks,
            measured=interval.lower,
            bound=bound,
            passed=interval.lower > bound,
            note=note,
        )

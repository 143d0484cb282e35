from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field, GetPydanticSchema
from pydantic_core import core_schema

from registry.evaluation.bootstrap import bootstrap
from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.looks import alpha_of_look, interval_ends
from registry.evaluation.measures import (
    MEASURES,
    Measure,
    measure_all,
    measures_of,
)
from registry.evaluation.ranking import Ranking

NAME = "no_worse"
SEED = 20260101
"""Seed of the resampling, fixed so that the same files on the same rows get the same verdict."""

FEW_FRAUDS = 100
"""With fewer, the interval is rough: at 30, up to 9 in 100 pass that are worse by the margin."""

Margin = Annotated[float, Field(ge=0)]
MeasureName = Annotated[
    str,
    GetPydanticSchema(
        lambda *_: core_schema.literal_schema([measure.name for measure in measures_of(NAME)])
    ),
]


class Interval(Measured):
    """A difference candidate − Production: as measured, and between which ends it is likely."""

    difference: float
    lower: float
    upper: float


class NoWorseMeasured(Measured):
    candidate: dict[str, float]
    production: dict[str, float] | None
    intervals: dict[str, Interval]
    resamples: int
    clustered: bool
    independent_frauds: int
    earlier_looks: int


class NoWorse(Gate):
    """The candidate is no worse than Production on the same rows, and better where required.

    For each measure under `margin` the lower end of the interval of the difference must be above
    minus the margin; for each under `better` above 0. A paired bootstrap gives the interval, by
    customer where the data names one: `lower` and `upper` are each the end of a one-sided interval
    of confidence `1 - alpha_k`, from the quantiles of the differences over the resamples or, where
    fewer than 20 resamples would lie beyond an end, from their standard error. A first promotion
    has nothing to compare with.

    `alpha_k` is `alpha` × 6 / π² / k², where k - 1 other evaluations were made on these rows
    before. Summed over all k it is `alpha`: however many candidates are tried on the same rows, and
    in whatever order, the chance that any passes that is worse by the margin (or, under `better`,
    no better than Production) is at most `alpha`.

    With fewer than 100 frauds (customers with a fraud, where the data names customers) the
    intervals are rough, and the verdict notes it: at 30, where 5 in 100 candidates should pass that
    are worse by exactly the margin, up to 9 do.
    """

    name: ClassVar[str] = NAME
    measured_as: ClassVar[type[Measured]] = NoWorseMeasured

    margin: Annotated[dict[MeasureName, Margin], Field(min_length=1)]
    better: tuple[MeasureName, ...] = ()
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2000

    def __str__(self) -> str:
        return "the candidate is no worse than Production on the same transactions"

    @classmethod
    def unit(cls, part: str) -> Unit:
        measure = MEASURES[part.removesuffix(".better")]
        return "money change" if measure.unit == "money" else "difference"

    def measure(self, trial: Trial) -> NoWorseMeasured:
        rows = trial.rows.labelled
        candidate, production, intervals = compared(
            trial, measures_of(NAME), alpha=self.alpha, resamples=self.resamples
        )
        return NoWorseMeasured(
            candidate=candidate,
            production=production,
            intervals=intervals,
            resamples=self.resamples,
            clustered=rows.clusters is not None,
            independent_frauds=rows.independent_frauds,
            earlier_looks=trial.earlier_looks,
        )

    def verdicts(self, measured: NoWorseMeasured) -> list[Verdict]:
        return [
            *(
                self._verdict(measured, MEASURES[name], -margin)
                for name, margin in self.margin.items()
            ),
            *(self._verdict(measured, MEASURES[name], 0.0, better=True) for name in self.better),
        ]

    def _verdict(
        self, measured: NoWorseMeasured, measure: Measure, bound: float, *, better: bool = False
    ) -> Verdict:
        part = f"{measure.name}.better" if better else measure.name
        asks = f"{measure.phrase} is {_required_place(measure, bound, better=better)}"
        confidence = 1 - alpha_of_look(self.alpha, measured.earlier_looks)
        asks += f" Production's ({100 * confidence:.6g}% confidence)"
        if measured.production is None:
            note = "nothing is in Production yet to compare with"
            return self.verdict(
                part=part, asks=asks, measured=0.0, bound=bound, passed=True, note=note
            )
        interval = measured.intervals[measure.name]
        note = likely_range(interval, measured.independent_frauds, measured.earlier_looks)
        end = interval.lower if measure.higher_is_better else -interval.upper
        return self.verdict(
            part=part, asks=asks, measured=end, bound=bound, passed=end > bound, note=note
        )


def compared(
    trial: Trial,
    measures: Sequence[Measure],
    *,
    alpha: float,
    resamples: int,
    at_threshold: bool = False,
) -> tuple[dict[str, float], dict[str, float] | None, dict[str, Interval]]:
    """The candidate's measures, Production's, and the intervals of the differences, by name.

    `alpha` is that of the first look, `at_threshold` whether the measures are about what each model
    decides at its own threshold. Where nothing is in Production, there are neither measures of it
    nor intervals.
    """
    models = [trial.candidate, *([trial.production] if trial.production else [])]
    rankings = [
        Ranking(
            trial.rows.labelled,
            model.scores,
            trial.costs,
            model.scorer.contract.threshold if at_threshold else None,
        )
        for model in models
    ]
    candidate, *others = (measure_all(ranking, measures) for ranking in rankings)
    if not others:
        return candidate, None, {}
    alpha = alpha_of_look(alpha, trial.earlier_looks)
    intervals = paired_intervals(rankings, candidate, others[0], alpha=alpha, resamples=resamples)
    return candidate, others[0], intervals


def paired_intervals(
    rankings: list[Ranking],
    candidate: Mapping[str, float],
    production: Mapping[str, float],
    *,
    alpha: float,
    resamples: int,
) -> dict[str, Interval]:
    """The intervals of candidate − Production by a paired bootstrap, by name of the measure.

    `rankings` are the candidate's and Production's, on the same rows, and the other two what was
    measured on them, by name; each end is one-sided, of confidence `1 - alpha`.
    """
    measures = [MEASURES[name] for name in candidate]
    drawn = bootstrap(rankings, measures, resamples=resamples, seed=SEED)
    difference = np.array([candidate[name] - production[name] for name in candidate])
    lower, upper = interval_ends(difference, drawn[:, 0] - drawn[:, 1], alpha)
    return {
        name: Interval(
            difference=float(difference[index]),
            lower=float(lower[index]),
            upper=float(upper[index]),
        )
        for index, name in enumerate(candidate)
    }


def likely_range(interval: Interval, independent_frauds: int, earlier_looks: int) -> str:
    """The interval as the note of a verdict, which says where it is rough."""
    note = (
        f"difference {interval.difference:+.4g}, likely {interval.lower:+.4g} "
        f"to {interval.upper:+.4g}"
    )
    if earlier_looks:
        note += f"; look {earlier_looks + 1} at these rows"
    if independent_frauds < FEW_FRAUDS:
        note += f"; rough, with only {independent_frauds} independent frauds"
    return note


def _required_place(measure: Measure, bound: float, *, better: bool) -> str:
    ahead, behind = ("above", "below") if measure.higher_is_better else ("below", "above")
    return ahead if better else f"no more than {-bound:g} {behind}"

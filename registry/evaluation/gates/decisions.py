from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, GetPydanticSchema
from pydantic_core import core_schema

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.gates.no_worse import Interval, Margin, compared, likely_range
from registry.evaluation.looks import alpha_of_look
from registry.evaluation.measures import MEASURES, Measure, measures_of

NAME = "decisions"
ALERTS = "threshold_alerts_per_day"
RECALL = "threshold_recall"
MONEY = "threshold_money_saved_per_day"
MeasureName = Annotated[
    str, GetPydanticSchema(lambda *_: core_schema.literal_schema([RECALL, MONEY]))
]


class DecisionsMeasured(Measured):
    """What happens at each model's own threshold, by measure, and the candidate's threshold."""

    threshold: float
    candidate: dict[str, float]
    production: dict[str, float] | None
    intervals: dict[str, Interval]
    alert_budget_per_day: int
    independent_frauds: int
    earlier_looks: int


class Decisions(Gate):
    """At its own threshold the candidate raises as many alerts as it may, and catches fraud.

    Other gates look at how transactions are ranked, or at the alert budget. This one looks at what
    the service will do, which is to review each transaction whose probability reaches the threshold
    of the model's contract. The alerts of a day are at most `max_alerts_per_day_to_budget` times
    the alert budget, on average over the days; at least the share `min_recall` of all frauds raises
    an alert; and the amounts of these frauds less the price of all alerts are at least
    `min_money_saved_per_day`. So neither a model that reviews nobody passes, nor one that reviews
    everybody.

    For each measure under `margin` the lower end of the interval of the difference to Production,
    at Production's threshold, must be above minus the margin, as in the gate `no_worse`, with the
    same correction for earlier looks at these rows. A first promotion has nothing to compare with.
    """

    name: ClassVar[str] = NAME
    measured_as: ClassVar[type[Measured]] = DecisionsMeasured
    units: ClassVar[Mapping[str, Unit]] = {
        ALERTS: "times",
        RECALL: "score",
        MONEY: "money",
        f"{RECALL}.no_worse": "difference",
        f"{MONEY}.no_worse": "money change",
    }

    max_alerts_per_day_to_budget: Annotated[float, Field(gt=0)]
    min_recall: Annotated[float, Field(gt=0, le=1)]
    min_money_saved_per_day: float
    margin: dict[MeasureName, Margin] = Field(default_factory=dict)
    alpha: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 2000

    def __str__(self) -> str:
        return "at its own threshold the candidate keeps to the alert budget and catches fraud"

    def measure(self, trial: Trial) -> DecisionsMeasured:
        candidate, production, intervals = compared(
            trial,
            measures_of(NAME),
            alpha=self.alpha,
            resamples=self.resamples,
            at_threshold=True,
        )
        return DecisionsMeasured(
            threshold=trial.candidate.scorer.contract.threshold,
            candidate=candidate,
            production=production,
            intervals=intervals,
            alert_budget_per_day=trial.costs.budget_per_day,
            independent_frauds=trial.rows.labelled.independent_frauds,
            earlier_looks=trial.earlier_looks,
        )

    def verdicts(self, measured: DecisionsMeasured) -> list[Verdict]:
        return [
            self._alerts(measured),
            self._at_least(measured, MEASURES[RECALL], self.min_recall),
            self._at_least(measured, MEASURES[MONEY], self.min_money_saved_per_day),
            *(
                self._no_worse(measured, MEASURES[name], margin)
                for name, margin in self.margin.items()
            ),
        ]

    def _alerts(self, measured: DecisionsMeasured) -> Verdict:
        bound, budget = self.max_alerts_per_day_to_budget, measured.alert_budget_per_day
        alerts = measured.candidate[ALERTS]
        return self.verdict(
            part=ALERTS,
            asks=f"{MEASURES[ALERTS].phrase} are at most {bound:g} times the alert budget",
            measured=alerts / budget,
            bound=bound,
            passed=alerts / budget <= bound,
            note=f"{alerts:,.4g} a day at the threshold {measured.threshold:g}, budget {budget:,}",
        )

    def _at_least(self, measured: DecisionsMeasured, measure: Measure, bound: float) -> Verdict:
        value = measured.candidate[measure.name]
        return self.verdict(
            part=measure.name,
            asks=f"{measure.phrase} is at least {bound:g}",
            measured=value,
            bound=bound,
            passed=value >= bound,
            note=f"at the threshold {measured.threshold:g}",
        )

    def _no_worse(self, measured: DecisionsMeasured, measure: Measure, margin: float) -> Verdict:
        part = f"{measure.name}.no_worse"
        asks = f"{measure.phrase} is no more than {margin:g} below Production's"
        confidence = 1 - alpha_of_look(self.alpha, measured.earlier_looks)
        asks += f" ({100 * confidence:.6g}% confidence)"
        if measured.production is None:
            note = "nothing is in Production yet to compare with"
            return self.verdict(
                part=part, asks=asks, measured=0.0, bound=-margin, passed=True, note=note
            )
        interval = measured.intervals[measure.name]
        return self.verdict(
            part=part,
            asks=asks,
            measured=interval.lower,
            bound=-margin,
            passed=interval.lower > -margin,
            note=likely_range(interval, measured.independent_frauds, measured.earlier_looks),
        )

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, ClassVar

from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Verdict, words
from registry.evaluation.metrics import Detection, detection

Share = Annotated[float, Field(ge=0, le=1)]


class FloorMeasured(Measured):
    candidate: Detection


class Floor(Gate):
    """The candidate reaches absolute bounds, whatever Production does."""

    name: ClassVar[str] = "floor"
    measured_as: ClassVar[type[Measured]] = FloorMeasured

    average_precision: Share | None = None
    roc_auc: Share | None = None
    budget_precision: Share | None = None
    budget_recall: Share | None = None
    money_saved_per_day: float | None = None

    def __str__(self) -> str:
        return "the candidate is good enough by itself"

    def measure(self, trial: Trial) -> FloorMeasured:
        candidate = detection(trial.rows.judged, trial.candidate.scores, trial.costs)
        return FloorMeasured(candidate=candidate)

    def verdicts(self, measured: FloorMeasured) -> list[Verdict]:
        values = asdict(measured.candidate)
        bounds = {name: getattr(self, name) for name in values}
        return [
            self.verdict(
                part=name,
                asks=f"{words(name)} is at least {bound:g}",
                measured=values[name],
                bound=bound,
                passed=values[name] >= bound,
            )
            for name, bound in bounds.items()
            if bound is not None
        ]

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, create_model

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.measures import MEASURES, Measure, measure_all, measures_of
from registry.evaluation.ranking import Ranking

NAME = "floor"
Share = Annotated[float, Field(ge=0, le=1)]


class FloorMeasured(Measured):
    candidate: dict[str, float]


class _Floor(Gate):
    """The candidate reaches absolute bounds, whatever Production does.

    Each key is a measure, its value the minimum that the candidate must reach; the maximum for a
    measure where lower is better.
    """

    name: ClassVar[str] = NAME
    measured_as: ClassVar[type[Measured]] = FloorMeasured

    def __str__(self) -> str:
        return "the candidate reaches absolute bounds"

    @classmethod
    def unit(cls, part: str) -> Unit:
        return "money" if MEASURES[part].unit == "money" else "score"

    def measure(self, trial: Trial) -> FloorMeasured:
        ranking = Ranking(trial.rows.labelled, trial.candidate.scores, trial.costs)
        return FloorMeasured(candidate=measure_all(ranking, measures_of(NAME)))

    def verdicts(self, measured: FloorMeasured) -> list[Verdict]:
        bounds = {measure: getattr(self, measure.name) for measure in measures_of(NAME)}
        return [
            self._verdict(measure, measured.candidate[measure.name], bound)
            for measure, bound in bounds.items()
            if bound is not None
        ]

    def _verdict(self, measure: Measure, value: float, bound: float) -> Verdict:
        relation = "at least" if measure.higher_is_better else "at most"
        return self.verdict(
            part=measure.name,
            asks=f"{measure.phrase} is {relation} {bound:g}",
            measured=value,
            bound=bound,
            passed=measure.gain(value, bound) >= 0,
        )


def _bound(measure: Measure) -> Any:
    return (Share | None if measure.unit in ("score", "share") else float | None, None)


Floor = create_model(
    "Floor",
    __base__=_Floor,
    __module__=__name__,
    __doc__=_Floor.__doc__,
    **{measure.name: _bound(measure) for measure in measures_of(NAME)},
)

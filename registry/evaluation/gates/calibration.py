from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Verdict
from registry.evaluation.measures import measure_all, measures_of
from registry.evaluation.ranking import Ranking


class CalibrationMeasured(Measured):
    candidate: float


class Calibration(Gate):
    """A probability means what it says: of 100 transactions at 0.2, some 20 are fraud.

    The expected calibration error on the evaluation rows is at most `max_error`.
    """

    name: ClassVar[str] = "calibration"
    measured_as: ClassVar[type[Measured]] = CalibrationMeasured

    max_error: Annotated[float, Field(gt=0, le=1)]

    def __str__(self) -> str:
        return f"probabilities are off the share of fraud by no more than {self.max_error:g}"

    def measure(self, trial: Trial) -> CalibrationMeasured:
        ranking = Ranking(trial.rows.labelled, trial.candidate.scores, trial.costs)
        (error,) = measure_all(ranking, measures_of(self.name)).values()
        return CalibrationMeasured(candidate=error)

    def verdicts(self, measured: CalibrationMeasured) -> list[Verdict]:
        error = measured.candidate
        passed = error <= self.max_error
        return [self.verdict(measured=error, bound=self.max_error, passed=passed)]

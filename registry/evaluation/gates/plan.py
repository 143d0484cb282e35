from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict


class PlannedMeasured(Measured):
    """The sequence of the plan, if there is one, and the run that came before it, if one did."""

    sequence: int | None
    evaluated_before: str


class Planned(Gate):
    """The evaluation was planned in the ledger before the candidate was evaluated on these rows.

    The plan (`registry plan`) names the candidate's files, this very policy, and the rows: by the
    digest of their file, or as the transactions of a data set in a period. An evaluation of the
    same candidate on rows of the same period must not have come before it.
    """

    name: ClassVar[str] = "plan"
    measured_as: ClassVar[type[Measured]] = PlannedMeasured
    advice: ClassVar[str] = "sign a plan with `registry plan` first, then evaluate it again"
    units: ClassVar[Mapping[str, Unit]] = {"": "whole"}

    def __str__(self) -> str:
        return "candidate, bounds and rows were in the ledger before the evaluation"

    def measure(self, trial: Trial) -> PlannedMeasured:
        return PlannedMeasured(
            sequence=trial.plan.sequence if trial.plan else None,
            evaluated_before=trial.evaluated_before_plan,
        )

    def verdicts(self, measured: PlannedMeasured) -> list[Verdict]:
        if measured.sequence is None:
            note = (
                "there is no plan of this candidate, policy and rows; run `registry plan` before "
                "the next evaluation"
            )
        elif measured.evaluated_before:
            note = (
                f"its plan (entry {measured.sequence}) came after an evaluation (run "
                f"{measured.evaluated_before})"
            )
        else:
            note = f"entry {measured.sequence}"
        passed = measured.sequence is not None and not measured.evaluated_before
        return [self.verdict(measured=float(not passed), bound=0, passed=passed, note=note)]

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.model.contract import Contract

SECONDS_PER_DAY = 86_400


class LeakageMeasured(Measured):
    """Days from the end of each model's training window to the first evaluation row.

    The windows are those of the contracts, which training writes.
    """

    candidate_days: float
    candidate_window: str
    production_days: float | None
    production_window: str | None
    delay_days: float


class Leakage(Gate):
    """The evaluation starts after both models' training windows and the label delay.

    Otherwise a model is evaluated on what it learned from, and the comparison means nothing.
    """

    name: ClassVar[str] = "leakage"
    measured_as: ClassVar[type[Measured]] = LeakageMeasured
    units: ClassVar[Mapping[str, Unit]] = {"candidate": "days", "Production": "days"}

    def __str__(self) -> str:
        return "the evaluation starts after the training window and the label delay"

    def measure(self, trial: Trial) -> LeakageMeasured:
        candidate = trial.candidate.scorer.contract
        production = trial.production.scorer.contract if trial.production else None
        contracts = [candidate] if production is None else [candidate, production]
        delays = [trial.rows.delay_days, *(contract.delay_days for contract in contracts)]
        start = trial.rows.start
        return LeakageMeasured(
            candidate_days=_gap_days(candidate, start),
            candidate_window=str(candidate.training_window),
            production_days=_gap_days(production, start) if production else None,
            production_window=str(production.training_window) if production else None,
            delay_days=max(delays),
        )

    def verdicts(self, measured: LeakageMeasured) -> list[Verdict]:
        gaps = {
            "candidate": (measured.candidate_days, measured.candidate_window),
            "Production": (measured.production_days, measured.production_window),
        }
        return [
            self.verdict(
                part=model,
                asks=f"{self}, of {model}",
                measured=gap,
                bound=measured.delay_days,
                passed=gap > 0 and gap >= measured.delay_days,
                note=f"days from the end of training, which its contract says was {window}",
            )
            for model, (gap, window) in gaps.items()
            if gap is not None
        ]


def _gap_days(contract: Contract, start: datetime) -> float:
    return (start - contract.training_window.end).total_seconds() / SECONDS_PER_DAY

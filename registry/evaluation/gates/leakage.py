from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.rows import EvaluationRows
from registry.model.contract import Contract
from registry.provenance.facts import Provenance

SECONDS_PER_DAY = 86_400

Basis = Literal["claimed", "attested", "sealed"]
STRENGTH: dict[Basis, int] = {"claimed": 0, "attested": 1, "sealed": 2}
COUNTED_FROM: dict[Basis, str] = {
    "claimed": "claimed window {}: days from the end of training, as its author says",
    "attested": "attested window {}: days from the end of training, as the training job signed",
    "sealed": "sealed: days from when the model's bytes were fixed; trained on {}",
}


class LeakageMeasured(Measured):
    """Days from the end of each model's training to the first evaluation row, and on what basis.

    Where the basis is `sealed`, they are counted from when the model's bytes were fixed. The
    windows are those of the contracts.
    """

    candidate_days: float
    candidate_basis: Basis
    candidate_window: str
    production_days: float | None
    production_basis: Basis | None
    production_window: str | None
    delay_days: float


class Leakage(Gate):
    """The evaluation starts after both models' training windows and the label delay.

    Otherwise a model is evaluated on what it learned from, and the comparison means nothing. How
    much that is worth depends on who says when training ended, and the verdict names it:

    - `claimed`: the contract, which the candidate's author wrote;
    - `attested`: the training job signed the window;
    - `sealed`: a signature proves that the model's bytes were fixed, and registered, before the
      first of the rows and the label delay: nobody can have trained on them.

    `at_least` is the weakest basis that the candidate may have.
    """

    name: ClassVar[str] = "leakage"
    measured_as: ClassVar[type[Measured]] = LeakageMeasured
    advice: ClassVar[str] = "evaluate it on later rows, or train it on earlier ones"
    units: ClassVar[Mapping[str, Unit]] = {"candidate": "days", "Production": "days"}

    at_least: Basis = "claimed"

    def __str__(self) -> str:
        return "the evaluation starts after the training window and the label delay"

    def measure(self, trial: Trial) -> LeakageMeasured:
        candidate = trial.candidate.scorer.contract
        production = trial.production.scorer.contract if trial.production else None
        contracts = [candidate] if production is None else [candidate, production]
        delay_days = max(trial.rows.delay_days, *(contract.delay_days for contract in contracts))
        days, basis = _gap(candidate, trial.provenance, trial.rows, delay_days)
        measured = LeakageMeasured(
            candidate_days=days,
            candidate_basis=basis,
            candidate_window=str(candidate.training_window),
            production_days=None,
            production_basis=None,
            production_window=None,
            delay_days=delay_days,
        )
        if production is None:
            return measured
        days, basis = _gap(production, trial.production_provenance, trial.rows, delay_days)
        return measured.model_copy(
            update={
                "production_days": days,
                "production_basis": basis,
                "production_window": str(production.training_window),
            }
        )

    def verdicts(self, measured: LeakageMeasured) -> list[Verdict]:
        candidate = self._verdict(
            "candidate",
            measured.candidate_days,
            COUNTED_FROM[measured.candidate_basis].format(measured.candidate_window),
            measured.delay_days,
        )
        strong_enough = STRENGTH[measured.candidate_basis] >= STRENGTH[self.at_least]
        if not strong_enough:
            note = f"{candidate.note}; the policy requires at least: {self.at_least}"
            candidate = candidate.model_copy(update={"passed": False, "note": note})
        if measured.production_days is None or measured.production_basis is None:
            return [candidate]
        return [
            candidate,
            self._verdict(
                "Production",
                measured.production_days,
                COUNTED_FROM[measured.production_basis].format(measured.production_window),
                measured.delay_days,
            ),
        ]

    def _verdict(self, model: str, gap: float, note: str, delay_days: float) -> Verdict:
        return self.verdict(
            part=model,
            asks=f"{self}, of {model}",
            measured=gap,
            bound=delay_days,
            passed=gap > 0 and gap >= delay_days,
            note=note,
        )


def _gap(
    contract: Contract, origin: Provenance, rows: EvaluationRows, delay_days: float
) -> tuple[float, Basis]:
    """Days before the first row, on the strongest basis that holds."""
    if origin.sealed_at is not None:
        sealed_days = (rows.start - origin.sealed_at).total_seconds() / SECONDS_PER_DAY
        if sealed_days > 0 and sealed_days >= delay_days:
            return sealed_days, "sealed"
    days = (rows.start - contract.training_window.end).total_seconds() / SECONDS_PER_DAY
    return days, "attested" if origin.verified("window") else "claimed"

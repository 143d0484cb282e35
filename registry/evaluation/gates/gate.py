"""What a gate is: it measures a trial, and judges what was measured against its bounds.

Measuring is apart from judging. `promote` judges again from the recorded measurements, so a
verdict that somebody edited is found out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from registry.evaluation.metrics import Costs
from registry.evaluation.rows import EvaluationRows
from registry.model.scorer import Scorer


@dataclass(frozen=True)
class Judged:
    """A model on trial, or the one in Production: its files, its scorer, its scores of the rows."""

    folder: Path
    scorer: Scorer
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """Everything that a gate may look at.

    `run_status` and `run_tags` are of the candidate's training run, `registered_sha256` is the
    digest of the model's files that was recorded when the candidate was registered, `parity` the
    file with scikit-learn's own probabilities.
    """

    rows: EvaluationRows
    costs: Costs
    candidate: Judged
    production: Judged | None
    parity: Path
    run_status: str
    run_tags: Mapping[str, str]
    registered_sha256: str | None


class Measured(BaseModel):
    """What a gate measured, as it is kept in the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Verdict(BaseModel):
    """One answer of a gate: what it asks, what was measured, the bound, passed or not."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gate: str
    asks: str
    measured: float
    bound: float
    passed: bool
    required: bool
    note: str = ""

    @property
    def blocks(self) -> bool:
        return self.required and not self.passed

    def __str__(self) -> str:
        word = "passed" if self.passed else "FAILED" if self.required else "failed (advisory)"
        note = f" ({self.note})" if self.note else ""
        return f"{self.gate} {word}: {self.measured:.6g} against {self.bound:.6g}{note}"


class Gate(BaseModel, ABC):
    """One check, with its bounds as fields; `str(gate)` says in a sentence what it asks.

    To add one: a module with a subclass, and a field in `registry.evaluation.policy.Gates`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    measured_as: ClassVar[type[Measured]]
    required: bool = True

    @abstractmethod
    def measure(self, trial: Trial) -> Measured:
        """Measure; slow, and done once."""

    @abstractmethod
    def verdicts(self, measured: Any) -> list[Verdict]:
        """Judge what `measure` gave; pure, and done again by `promote`."""

    def judge(self, recorded: Mapping[str, Any]) -> list[Verdict]:
        """Judge measurements as they were kept. Raises pydantic.ValidationError."""
        return self.verdicts(self.measured_as.model_validate(recorded))

    def verdict(
        self,
        *,
        measured: float,
        bound: float,
        passed: bool,
        part: str = "",
        asks: str = "",
        note: str = "",
    ) -> Verdict:
        return Verdict(
            gate=f"{self.name}.{part}" if part else self.name,
            asks=asks or str(self),
            measured=measured,
            bound=bound,
            passed=passed,
            required=self.required,
            note=note,
        )


def words(measure: str) -> str:
    """A measure's name as people say it."""
    spelled = measure.replace("budget_", "alert-budget ").replace("roc_auc", "ROC AUC")
    return spelled.replace("_", " ")

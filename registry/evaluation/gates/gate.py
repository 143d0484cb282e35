"""What a gate is: it measures a trial, and compares what was measured with its bounds.

The two are apart: `promote` derives the verdicts again from the recorded measurements, so that an
edited verdict is noticed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from registry.evaluation.isolated import DEFAULT_LIMITS, Limits, RowScorer
from registry.evaluation.metrics import Costs
from registry.evaluation.rows import EvaluationRows
from registry.ledger.files import Files
from registry.ledger.statement import PlanRef
from registry.provenance.facts import UNKNOWN, Provenance

Unit = Literal[
    "number",
    "whole",
    "score",
    "difference",
    "money",
    "money change",
    "days",
    "times",
    "bytes",
    "percent",
]
"""How a report shows what a gate measured, and its bound."""


@dataclass(frozen=True)
class ScoredModel:
    """The candidate, or the model in Production: its files, its scorer, its scores of the rows."""

    files: Files
    scorer: RowScorer
    scores: NDArray[np.float32]

    @property
    def needs_review(self) -> NDArray[np.bool_]:
        """Which of the n rows the service would send to review, shape (n,)."""
        return self.scores >= self.scorer.contract.threshold


@dataclass(frozen=True)
class Trial:
    """Everything that a gate may look at.

    `run_status` is that of the candidate's training run, `file_problems` is what the gate
    `integrity` found in the candidate's files before its graph was run, and `parity` the content of
    the file with scikit-learn's own probabilities. `provenance` is where the candidate comes from,
    and `production_provenance` what was known of Production when it was promoted. `earlier_looks`
    is how many other evaluations were made on these rows before. `plan` is the ledger's plan for
    this evaluation, and `evaluated_before_plan` the run of an evaluation of the candidate on these
    rows that came before it; empty where there is none. `limits` are those of running a model.
    """

    rows: EvaluationRows
    costs: Costs
    candidate: ScoredModel
    production: ScoredModel | None
    parity: bytes
    run_status: str
    file_problems: tuple[str, ...]
    limits: Limits = DEFAULT_LIMITS
    provenance: Provenance = UNKNOWN
    production_provenance: Provenance = UNKNOWN
    earlier_looks: int = 0
    plan: PlanRef | None = None
    evaluated_before_plan: str = ""


class Measured(BaseModel):
    """What a gate measured, as it is kept in the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Verdict(BaseModel):
    """One answer of a gate: what it requires, what was measured, the bound, passed or not.

    The fields are keys of evidence.json; `asks` is the requirement.
    """

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

    @property
    def outcome(self) -> str:
        return "passed" if self.passed else "FAILED" if self.required else "failed (advisory)"

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.gate} {self.outcome}: {self.measured:.6g} against {self.bound:.6g}{note}"


class Gate(BaseModel, ABC):
    """One check, with its bounds as fields; `str(gate)` says in a sentence what it requires.

    The docstring of a gate is its documentation: `docs/gates.md` is made of it. `units` is the unit
    of each part of its verdicts, by name; "" is a gate of one part. `advice` is what helps where it
    fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    measured_as: ClassVar[type[Measured]]
    units: ClassVar[Mapping[str, Unit]] = {}
    advice: ClassVar[str] = "train a better one"
    required: bool = True

    @abstractmethod
    def measure(self, trial: Trial) -> Measured:
        """Measure; slow, and done once."""

    @abstractmethod
    def verdicts(self, measured: Any) -> list[Verdict]:
        """Compare what `measure` gave with the bounds; pure, and done again by `promote`."""

    def verdicts_from(self, recorded: Mapping[str, Any]) -> list[Verdict]:
        """The verdicts on recorded measurements. Raises pydantic.ValidationError."""
        return self.verdicts(self.measured_as.model_validate(recorded))

    @classmethod
    def unit(cls, part: str) -> Unit:
        """The unit of one part of the gate's verdicts."""
        return cls.units.get(part, "number")

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from registry.errors import ModelFailed
from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.isolated import RowScorer
from registry.model.contract import UNKNOWN_CATEGORY_CODE, Contract

SEED = 20260102
EXTREMES = (0.0, -1e9, 1e9, float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))


class RobustnessMeasured(Measured):
    probed: int
    invalid: int
    flipped_share: float


class Robustness(Gate):
    """Odd input gives a probability, and a tiny change of input rarely flips a decision.

    Odd: each input that may be missing is missing, each number takes extreme values, each category
    is one that training never saw. Tiny: every number moves by `tiny_change` of the width of its
    range in training, up or down.
    """

    name: ClassVar[str] = "robustness"
    measured_as: ClassVar[type[Measured]] = RobustnessMeasured
    units: ClassVar[Mapping[str, Unit]] = {"odd_input": "whole", "tiny_change": "percent"}

    max_flipped_share: Annotated[float, Field(ge=0, le=1)]
    tiny_change: Annotated[float, Field(gt=0, le=0.01)] = 0.00001
    sample: Annotated[int, Field(ge=100, le=100_000)] = 5000

    def __str__(self) -> str:
        return "odd input gives a probability, and tiny changes rarely another decision"

    def measure(self, trial: Trial) -> RobustnessMeasured:
        scorer = trial.candidate.scorer
        generator = np.random.default_rng(SEED)
        rows = trial.rows.encoded(scorer.contract)
        rows = rows[generator.permutation(len(rows))[: self.sample]]
        probed, invalid = _probe(scorer, rows[:200])
        moved = _moved(rows, scorer.contract, self.tiny_change, generator)
        threshold = scorer.contract.threshold
        flipped = (scorer.score(rows) >= threshold) != (scorer.score(moved) >= threshold)
        return RobustnessMeasured(
            probed=probed, invalid=invalid, flipped_share=float(flipped.mean())
        )

    def verdicts(self, measured: RobustnessMeasured) -> list[Verdict]:
        return [
            self.verdict(
                part="odd_input",
                asks="missing, extreme and unseen values give a probability between 0 and 1",
                measured=measured.invalid,
                bound=0,
                passed=measured.probed > 0 and measured.invalid == 0,
                note=f"of {measured.probed:,} scores",
            ),
            self.verdict(
                part="tiny_change",
                asks=f"no more than {self.max_flipped_share:.2%} of decisions flip",
                measured=measured.flipped_share,
                bound=self.max_flipped_share,
                passed=measured.flipped_share <= self.max_flipped_share,
                note=f"inputs moved by {self.tiny_change:g} of their range",
            ),
        ]


def _probe(scorer: RowScorer, rows: NDArray[np.float32]) -> tuple[int, int]:
    """How many odd rows were scored, and how many scores were not a probability."""
    probed = invalid = 0
    for column, field in enumerate(scorer.contract.inputs):
        odd = list(EXTREMES) if field.kind == "number" else [UNKNOWN_CATEGORY_CODE]
        if field.nullable and field.kind == "number":
            odd.append(np.nan)
        for value in odd:
            changed = rows.copy()
            changed[:, column] = value
            probed += len(changed)
            invalid += _invalid_scores(scorer, changed)
    return probed, invalid


def _invalid_scores(scorer: RowScorer, rows: NDArray[np.float32]) -> int:
    """How many rows get no number between 0 and 1; all of them where scoring fails."""
    try:
        scores = scorer.score(rows)
    except ModelFailed:  # there is no process left that could score
        raise
    except Exception:  # onnxruntime has no public base class for its own errors
        return len(rows)
    return int((~((scores >= 0) & (scores <= 1))).sum())


def _moved(
    rows: NDArray[np.float32], contract: Contract, change: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    moved = rows.astype(np.float64)
    for column, field in enumerate(contract.inputs):
        if field.kind == "number" and field.low is not None and field.high is not None:
            step = change * (field.high - field.low)
            moved[:, column] += step * generator.choice([-1.0, 1.0], size=len(rows))
    return moved.astype(np.float32)

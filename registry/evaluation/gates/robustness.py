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
SPREAD = (0.01, 0.99)
EXTREMES = (0.0, -1e9, 1e9, float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))


class RobustnessMeasured(Measured):
    probed: int
    invalid: int
    flipped_share: float


class Robustness(Gate):
    """Odd input gives a probability, and a tiny change of input rarely flips a decision.

    Odd: each input that may be missing is missing, each number takes extreme values, each category
    is one that training never saw. Tiny: every number moves, up or down, by `tiny_change` of its
    spread over the evaluation rows, from the 1st to the 99th percentile, or from the lowest to the
    highest value where these are equal. The ranges in the contract, which the author writes, play
    no part; which inputs may be missing is what the contract says, since the service refuses the
    others.
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
        spreads = _spreads(rows, scorer.contract)
        rows = rows[generator.permutation(len(rows))[: self.sample]]
        probed, invalid = _probe(scorer, rows[:200])
        moved = _moved(rows, self.tiny_change * spreads, generator)
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
                note=f"inputs moved by {self.tiny_change:g} of their spread",
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


def _spreads(rows: NDArray[np.float32], contract: Contract) -> NDArray[np.float64]:
    """How far the values of each input lie apart, shape (inputs,); 0 for a category."""
    spreads = np.zeros(len(contract.inputs))
    for column, field in enumerate(contract.inputs):
        values = rows[:, column].astype(np.float64)
        values = values[np.isfinite(values)]
        if field.kind == "number" and len(values):
            low, high = np.quantile(values, SPREAD)
            spreads[column] = high - low or values.max() - values.min()
    return spreads


def _moved(
    rows: NDArray[np.float32], steps: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Each value moved by the step of its input, up or down."""
    moves = steps * generator.choice([-1.0, 1.0], size=rows.shape)
    return np.asarray(rows + moves, dtype=np.float32)

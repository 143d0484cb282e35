"""The gate that refuses a model whose answer for a row depends on the rows scored with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.isolated import RowScorer

SEED = 20260104
BATCH_SIZES = (2, 7, 400)

Rows = NDArray[np.float32]
Way = Callable[[RowScorer, Rows], Rows]


class InvarianceMeasured(Measured):
    """How many of the rows get other bits, and another decision, in at least one of the ways."""

    rows: int
    changed_scores: int
    changed_decisions: int
    changed_in: tuple[str, ...]


class Invariance(Gate):
    """A transaction gets the same answer alone, in any order and in any batch.

    A sample of the evaluation rows is scored all together, shuffled, reversed, each alone, and in
    batches of 2, 7 and 400 rows. Each score must be identical to the bit to that of the evaluation,
    on which all other gates rest. Otherwise the service could answer `/predict` and
    `/predict/batch` differently, and the gates would have judged a model that nobody is served.
    """

    name: ClassVar[str] = "invariance"
    measured_as: ClassVar[type[Measured]] = InvarianceMeasured
    units: ClassVar[Mapping[str, Unit]] = {"": "whole"}

    sample: Annotated[int, Field(ge=100, le=1_000_000)] = 5_000

    def __str__(self) -> str:
        return "a transaction gets the same bits alone, in any order and in any batch"

    def measure(self, trial: Trial) -> InvarianceMeasured:
        scorer, evaluated = trial.candidate.scorer, trial.candidate.scores
        chosen = np.random.default_rng(SEED).permutation(len(evaluated))[: self.sample]
        rows, expected = trial.rows.encoded(scorer.contract)[chosen], evaluated[chosen]
        review = expected >= scorer.contract.threshold
        changed_scores = np.zeros(len(rows), dtype=np.bool_)
        changed_decisions = np.zeros(len(rows), dtype=np.bool_)
        changed_in: list[str] = []
        for name, way in _ways().items():
            scores = _scores(way, scorer, rows)
            # As bits, so that NaN equals NaN, and 0 differs from -0.
            differs = scores.view(np.uint32) != expected.view(np.uint32)
            changed_scores |= differs
            changed_decisions |= (scores >= scorer.contract.threshold) != review
            if differs.any():
                changed_in.append(name)
        return InvarianceMeasured(
            rows=len(rows),
            changed_scores=int(changed_scores.sum()),
            changed_decisions=int(changed_decisions.sum()),
            changed_in=tuple(changed_in),
        )

    def verdicts(self, measured: InvarianceMeasured) -> list[Verdict]:
        note = f"of {measured.rows:,} rows"
        if measured.changed_in:
            note += (
                f", {measured.changed_decisions:,} with another decision; other bits when scored "
                f"{', '.join(measured.changed_in)}"
            )
        changed = measured.changed_scores
        passed = measured.rows > 0 and changed == 0 and measured.changed_decisions == 0
        return [self.verdict(measured=changed, bound=0, passed=passed, note=note)]


def _ways() -> dict[str, Way]:
    """Ways to score rows, each with the scores in the order of the rows."""
    return {
        "all together": lambda scorer, rows: scorer.score(rows),
        "reversed": lambda scorer, rows: scorer.score(rows[::-1])[::-1],
        "shuffled": _shuffled,
        "alone": lambda scorer, rows: scorer.score_one_by_one(rows),
        **{f"in batches of {size}": _in_batches_of(size) for size in BATCH_SIZES},
    }


def _shuffled(scorer: RowScorer, rows: Rows) -> Rows:
    order = np.random.default_rng(SEED + 1).permutation(len(rows))
    scores = np.empty(len(rows), dtype=np.float32)
    scores[order] = scorer.score(rows[order])
    return scores


def _in_batches_of(size: int) -> Way:
    def score(scorer: RowScorer, rows: Rows) -> Rows:
        starts = range(0, len(rows), size)
        return np.concatenate([scorer.score(rows[start : start + size]) for start in starts])

    return score


def _scores(way: Way, scorer: RowScorer, rows: Rows) -> Rows:
    """The scores; NaN for all rows where that fails, or where it is not one score for each row."""
    try:
        scores = np.ascontiguousarray(way(scorer, rows))
    except Exception:  # onnxruntime has no public base class for its own errors
        return np.full(len(rows), np.nan, dtype=np.float32)
    return scores if len(scores) == len(rows) else np.full(len(rows), np.nan, dtype=np.float32)

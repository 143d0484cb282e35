from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from registry.evaluation.gates.gate import Gate, Measured, ScoredModel, Trial, Unit, Verdict
from registry.evaluation.isolated import RowScorer

ROUNDS = 20
CALLS_PER_ROUND = 200


class LatencyMeasured(Measured):
    """p99 of one prediction in microseconds: the median of interleaved rounds."""

    candidate_p99_us: float
    production_p99_us: float | None


class Latency(Gate):
    """One prediction takes little longer than Production's.

    Machines differ and are noisy, so the time is compared as a ratio, measured in the same run.
    """

    name: ClassVar[str] = "latency"
    measured_as: ClassVar[type[Measured]] = LatencyMeasured
    advice: ClassVar[str] = "train a smaller one"
    units: ClassVar[Mapping[str, Unit]] = {"ratio": "times"}

    max_ratio: Annotated[float, Field(gt=0)]

    @model_validator(mode="before")
    @classmethod
    def _size_is_bounded_elsewhere(cls, document: Any) -> Any:
        if isinstance(document, dict) and "max_model_bytes" in document:
            raise ValueError("move max_model_bytes to the gate `integrity`, which now bounds it")
        return document

    def __str__(self) -> str:
        return "a prediction is about as fast as Production's"

    def measure(self, trial: Trial) -> LatencyMeasured:
        models = [model for model in (trial.candidate, trial.production) if model is not None]
        rows = [_first_rows(trial, model) for model in models]
        p99: list[list[float]] = [[] for _ in models]
        for _ in range(ROUNDS):
            for index, model in enumerate(models):
                p99[index].append(_p99_us(model.scorer, rows[index]))
        medians = [float(np.median(rounds)) for rounds in p99]
        return LatencyMeasured(
            candidate_p99_us=medians[0],
            production_p99_us=medians[1] if trial.production else None,
        )

    def verdicts(self, measured: LatencyMeasured) -> list[Verdict]:
        candidate, production = measured.candidate_p99_us, measured.production_p99_us
        note = f"candidate {candidate:.0f} µs"
        note += f", Production {production:.0f} µs" if production else "; nothing to compare with"
        ratio = candidate / production if production else 0.0
        return [
            self.verdict(
                part="ratio",
                asks=f"p99 of one prediction is at most {self.max_ratio:g} times Production's",
                measured=ratio,
                bound=self.max_ratio,
                passed=ratio <= self.max_ratio,
                note=note,
            ),
        ]


def _first_rows(trial: Trial, model: ScoredModel) -> NDArray[np.float32]:
    return trial.rows.encoded(model.scorer.contract)[:CALLS_PER_ROUND]


def _p99_us(scorer: RowScorer, rows: NDArray[np.float32]) -> float:
    calls = rows[np.arange(CALLS_PER_ROUND) % len(rows)]
    return float(np.quantile(scorer.seconds_one_by_one(calls), 0.99) * 1e6)

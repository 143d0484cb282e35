"""Why a row has its probability: which inputs change it most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.model.scorer import Scorer, Value

MAX_REASONS = 5


@dataclass(frozen=True)
class Reason:
    """How much the probability changes when one input is replaced by its reference value."""

    input: str
    value: Value
    reference: Value
    change: float


def top_reasons(scorer: Scorer, values: Sequence[Value], row: NDArray[np.float32]) -> list[Reason]:
    """The inputs that change the probability most, largest change first.

    `row` are the `values` encoded, shape (1, inputs). Each input is replaced by its reference value
    in turn; all variants are scored in one batch with the row itself.
    """
    inputs = scorer.contract.inputs
    references = scorer.encode([input_.reference for input_ in inputs])[0]
    batch = np.repeat(row, len(inputs) + 1, axis=0)
    batch[np.arange(len(inputs)), np.arange(len(inputs))] = references
    scores = scorer.score(batch).astype(np.float64)
    changes = np.nan_to_num(scores[-1] - scores[:-1])
    order = np.argsort(-np.abs(changes), kind="stable")[:MAX_REASONS]
    return [
        Reason(inputs[index].name, values[index], inputs[index].reference, float(changes[index]))
        for index in order
    ]

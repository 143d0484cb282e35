"""The example of a contract: a transaction near real ones, for the service's documentation."""

from __future__ import annotations

import polars as pl

from registry.model.contract import Contract, Input
from registry.model.scorer import Scorer, Value
from training.fit import encode

MAX_FRAUDS = 1000


def with_example(contract: Contract, frauds: pl.DataFrame, scorer: Scorer) -> Contract:
    """The contract with an example: of the first frauds, made coarse, the one that scores highest.

    The documentation needs no token, so the example must be nobody's transaction: each number is
    moved to the nearest value that the contract states anyway, a decile or an end of the range, and
    a value that the contract does not allow becomes the reference.
    """
    coarse = pl.DataFrame(
        pl.Series(
            each.name,
            [_coarse(value, each) for value in frauds[each.name].head(MAX_FRAUDS)],
            pl.String if each.kind == "category" else pl.Float64,
        )
        for each in contract.inputs
    )
    best = int(scorer.score(encode(coarse, contract.inputs)).argmax())
    return contract.model_copy(update={"example": coarse.row(best)})


def _coarse(value: Value, input_: Input) -> Value:
    if value is None:
        return None if input_.nullable else input_.reference
    if isinstance(value, str):
        return value if value in input_.categories else input_.reference
    stated = [one for one in (input_.low, *input_.histogram.edges, input_.high) if one is not None]
    return min(stated, key=lambda bound: abs(bound - value))

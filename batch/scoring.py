"""One part: its rows checked, encoded and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from batch.output import DECISION, DIGEST, EXPLANATION, FILE, PROBABILITY, REASON, ROW, VERSION
from batch.rows import Checked, Reasons, check
from registry.model.reasons import top_reasons
from registry.model.scorer import MODEL_FILE, Scorer, Value
from registry.tracking.head import Head

_EXPLAINED = pa.list_(
    pa.struct(
        [
            ("input", pa.string()),
            ("value", pa.string()),
            ("reference", pa.string()),
            ("change", pa.float64()),
        ]
    )
)


@dataclass(frozen=True)
class Piece:
    """Rows that are scored together: where each comes from, and the reasons against it so far."""

    table: pa.Table
    places: pa.Table
    reasons: Reasons


def places(file: str, first: int, rows: int) -> pa.Table:
    """The places of rows of a file, the first of which is row `first`, counted from 1."""
    numbers = pa.array(np.arange(first, first + rows))
    return pa.table({FILE: pa.repeat(file, rows), ROW: numbers})


def score(
    piece: Piece, head: Head, keys: Sequence[str], *, explain: bool
) -> tuple[pa.Table, pa.Table]:
    """The scores of a piece's rows, and the rows that are rejected, in the order of the input."""
    scorer, link = head.scorer, head.link
    contract, reasons = scorer.contract, piece.reasons
    checked = check(piece.table, contract, contract.inputs, reasons)
    rows = np.flatnonzero(reasons.valid)
    scores = scorer.score(checked.encoded[rows])
    finite = np.isfinite(scores)
    unscored = np.zeros(len(piece.table), dtype=bool)
    unscored[rows[~finite]] = True
    reasons.add(unscored, "the model cannot score these values")
    rows, probabilities = rows[finite], scores[finite].astype(np.float64)
    kept = piece.table.select(list(keys))
    for name in (FILE, ROW):
        kept = kept.append_column(name, piece.places[name])
    scored = kept.take(rows)
    decisions = np.where(probabilities >= contract.threshold, "review", "approve")
    for name, values in {
        PROBABILITY: pa.array(probabilities),
        DECISION: pa.array(decisions, pa.string()),
        VERSION: pa.repeat(link.version, len(rows)),
        DIGEST: pa.repeat(link.statement.files[MODEL_FILE], len(rows)),
    }.items():
        scored = scored.append_column(name, values)
    if explain:
        scored = scored.append_column(EXPLANATION, _explained(scorer, checked, rows))
    rejected = np.flatnonzero(~reasons.valid)
    refused = kept.take(rejected).append_column(
        REASON, pa.array(reasons.texts[rejected], pa.string())
    )
    return scored, refused


def _explained(scorer: Scorer, checked: Checked, rows: np.ndarray[Any, Any]) -> pa.Array:
    """The top reasons of these rows, as the service gives them."""
    columns = [
        values.take(pa.array(rows)).to_pylist()
        if isinstance(values, pa.Array)
        else [None if value != value else value for value in values[rows].tolist()]  # noqa: PLR0124
        for values in checked.columns
    ]
    explained = []
    for row, values in zip(rows, zip(*columns, strict=True), strict=True):
        found = top_reasons(scorer, values, checked.encoded[row : row + 1])
        explained.append(
            [
                asdict(one) | {"value": _text(one.value), "reference": _text(one.reference)}
                for one in found
            ]
        )
    return pa.array(explained, _EXPLAINED)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)

"""One part: what is scored, and what is rejected."""

from __future__ import annotations

import pyarrow as pa

from batch.rows import Reasons
from batch.scoring import Piece, places, score
from tests.batch.heads import head_of
from tests.inference.models import three_inputs


def test_each_row_is_scored_or_rejected_and_knows_where_it_comes_from() -> None:
    rows = {"id": [1, 2, 3], "amount": [0.25, None, 1], "age_days": [0.5, 1, 1]}
    table = pa.table({**rows, "country": ["FR", "DE", None]})
    piece = Piece(table, places("a.csv", 11, 3), Reasons(3))

    scored, rejected = score(piece, head_of(three_inputs()), ["id"], explain=True)

    assert rejected.to_pylist() == [
        {"id": 2, "input_file": "a.csv", "input_row": 12, "reason": "amount: missing"}
    ]
    first, last = scored.to_pylist()
    assert (first["id"], first["input_row"], first["model_version"]) == (1, 11, 7)
    assert [(row["probability"], row["decision"]) for row in (first, last)] == [
        (0.75, "review"),
        (1.25, "review"),
    ]
    assert first["reasons"] == [
        {"input": "country", "value": "FR", "reference": "DE", "change": 0.25},
        {"input": "age_days", "value": "0.5", "reference": "0.25", "change": 0.125},
        {"input": "amount", "value": "0.25", "reference": "0.25", "change": 0.0},
    ]

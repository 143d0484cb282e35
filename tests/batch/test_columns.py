"""Which columns are read and kept, of vectors and of raw transactions."""

from __future__ import annotations

import pytest

from batch.columns import Columns, columns_of
from registry.errors import UsageError
from tests.batch.heads import trees
from tests.contracts import raw_contract


def test_of_vectors_all_that_the_model_does_not_take_is_kept() -> None:
    names = ["note", "country", "amount", "age_days", ""]
    found = columns_of(trees().contract, names, keys=(), label="", has_history=False)
    assert found == Columns(["note"], ["note", "amount", "age_days", "country"], None)
    named = columns_of(
        trees().contract, names, keys=["amount", "amount"], label="", has_history=False
    )
    assert named == Columns(["amount"], ["amount", "age_days", "country"], None)


def test_of_raw_transactions_the_id_is_kept_and_the_label_read() -> None:
    form = ["transaction_id", "time", "card", "shop", "amount", "channel"]
    found = columns_of(raw_contract(), [*form, "fraud"], keys=(), label="fraud", has_history=True)
    assert found.raw is not None
    assert found.keys == ["transaction_id"]
    assert found.read == [
        "transaction_id",
        "time",
        "amount",
        "card",
        "shop",
        "channel",
        "fraud",
    ]
    with pytest.raises(UsageError, match="features need those before them: name these with"):
        columns_of(raw_contract(), form, keys=(), label="fraud", has_history=False)

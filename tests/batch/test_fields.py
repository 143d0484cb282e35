"""Ids, times and amounts of raw transactions, from the types that files have for them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa

from batch.fields import amounts, texts, times
from batch.rows import Reasons
from tests.batch import heads


def test_an_entity_is_the_same_text_from_any_type() -> None:
    columns = (
        pa.array(["7", "7.0", " ", None]),
        pa.array([7, 7, None, None]),
        pa.array([7.0, 7.0, float("nan"), None], pa.float32()),
        pa.array([Decimal(7), Decimal(7), None, None]),
    )
    for column in columns:
        reasons = Reasons(4)
        assert texts(column, "card", reasons, frozenset({""})).to_list() == ["7", "7", None, None]
        assert set(reasons.texts) == {None}


def test_an_id_is_required() -> None:
    reasons = Reasons(2)
    texts(pa.array([None, ""]), "id", reasons, frozenset())
    assert list(reasons.texts) == ["id: missing", "id: not of 1 to 200 characters"]


def test_an_amount_is_the_nearest_double_also_of_a_decimal() -> None:
    read = amounts(pa.array([Decimal("8734.21"), Decimal("-659.56")]), "amount", Reasons(2))
    assert read.tolist() == [8734.21, -659.56]


def test_an_amount_is_a_number_that_can_be_added_up() -> None:
    reasons = Reasons(4)
    read = amounts(pa.array(["1.5", "x", "-1e11", "1.1e11"]), "amount", reasons)
    assert np.nan_to_num(read).tolist() == [1.5, 0, -1e11, 1.1e11]
    assert list(reasons.texts) == [None, "amount: not a number", None, "amount: beyond 1e+11"]


def test_a_number_since_an_origin_is_a_time_also_in_csv() -> None:
    form = heads.raw().contract.transaction
    assert form is not None
    counted = form.model_copy(update={"unit": "s", "origin": date(2026, 3, 1)})

    for column in (pa.array(["86400.5", "2026-03-02T00:00:00.5Z"]), pa.array([86400.5])):
        reasons = Reasons(len(column))
        assert set(times(column, counted, reasons)) == {1_772_409_600_500_000}
        assert set(reasons.texts) == {None}

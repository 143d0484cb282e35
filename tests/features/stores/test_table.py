"""Folding the records of a journal into a table."""

from __future__ import annotations

from typing import Any

import pytest

from features.stores.events import FRAUD, GENUINE, UNKNOWN
from features.stores.table import Fold, Head, Table

HEAD = Head(("card", "shop"), reach=100, lateness=10, hash_key="")


def folded(*records: list[Any]) -> Table:
    fold = Fold(Table.empty(HEAD))
    for record in records:
        fold.add(record)
    return fold.table()


def test_rows_are_in_order_of_time_and_of_arrival_where_times_are_equal() -> None:
    table = folded(
        ["t", 1, 50, 10, UNKNOWN, "c", None],
        ["t", 2, 40, 20, UNKNOWN, "d", "s"],
        ["t", 3, 50, 30, UNKNOWN, None, "s"],
        ["t", 4, 50, 40, UNKNOWN, None, None],
    )

    assert table.hashes.tolist() == [2, 1, 3]
    assert table.units.tolist() == [20, 10, 30]
    assert [owners.tolist() for owners in table.owners] == [[2, 1, 0], [1, 0, 1]]
    assert table.names == (["c", "d"], ["s"])


def test_what_is_expired_is_left_out_with_its_names() -> None:
    table = folded(
        ["t", 1, 0, 10, UNKNOWN, "c", "s"],
        ["t", 2, 5, 20, UNKNOWN, "d", "s"],
        ["t", 3, 115, 30, UNKNOWN, None, None],
    )

    assert (table.newest, table.times.tolist()) == (115, [5])
    assert [owners.tolist() for owners in table.owners] == [[1], [1]]
    assert table.names == (["d"], ["s"])


def test_the_last_label_counts_for_the_transaction_of_its_time() -> None:
    table = folded(
        ["t", 1, 50, 10, UNKNOWN, "c", None],
        ["t", 2, 50, 10, FRAUD, "c", None],
        ["l", 1, 50, FRAUD],
        ["l", 1, 50, GENUINE],
        ["l", 2, 0, GENUINE],
        ["l", 3, 50, FRAUD],
    )

    assert table.labels.tolist() == [GENUINE, FRAUD]


def test_it_is_complete_from_the_earliest_time_that_was_stated() -> None:
    assert folded().complete_since is None
    assert folded(["c", 7], ["c", 5], ["c", 6]).complete_since == 5


def test_an_id_that_was_used_again_before_the_reach_grew_is_there_once() -> None:
    fold = Fold(Table.empty(HEAD))
    for record in (["t", 1, 0, 10, 0, "c", None], ["t", 2, 120, 10, 0, "c", None]):
        fold.add(record)
    fold.add(["t", 1, 120, 10, 0, "c", None])

    table = fold.table(Head(("card", "shop"), reach=1000, lateness=10, hash_key=""))

    assert table.times.tolist() == [120, 120]


def test_records_of_another_store_are_refused() -> None:
    with pytest.raises(ValueError, match="it belongs to another store"):
        Fold(Table.empty(HEAD)).begin(Head(("card", "shop"), 100, 10, "other"))

"""Rows of a data set as a store takes them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from features.online import Transaction
from tests.training.keys import dataset
from training.errors import BadInput
from training.past import as_data_time, microseconds, read_past, time_of, transactions, until

CSV = "no,t,a,y,c\n7,2026-01-03,1.5,1,k\n8,2026-01-01,2,1,5.0\n9,2026-01-02,3,0,\n"
JAN_1 = 1_767_225_600_000_000
DAY = 86_400_000_000


def csv(folder: Path, text: str = CSV) -> str:
    (folder / "data.csv").write_text(text)
    return str(folder / "data.csv")


def test_rows_have_their_ids_entities_and_the_labels_that_were_known(tmp_path: Path) -> None:
    described = dataset(id="no", entities={"c": {}}, numbers=["not read"])
    frame = until(read_past(csv(tmp_path), described), described, None)

    assert list(transactions(frame, described)) == [
        (Transaction("8", JAN_1, 2.0, ("5",)), True),
        (Transaction("9", JAN_1 + DAY, 3.0, (None,)), False),
        (Transaction("7", JAN_1 + 2 * DAY, 1.5, ("k",)), None),
    ]


def test_before_a_time_there_are_fewer_rows_and_labels(tmp_path: Path) -> None:
    described = dataset()
    frame = until(read_past(csv(tmp_path), described), described, datetime(2026, 1, 2, 23))

    assert [(each.id, label) for each, label in transactions(frame, described)] == [
        ("row:1", True),
        ("row:2", None),
    ]


def test_an_id_must_not_be_missing(tmp_path: Path) -> None:
    path = csv(tmp_path, CSV.replace("\n9,", "\n,"))

    with pytest.raises(BadInput, match=r"column 'no' \(the id\) has no value in 1 row, first in"):
        read_past(path, dataset(id="no"))


def test_times_are_read_in_utc_and_counted_from_1970() -> None:
    assert as_data_time("2026-01-01", None) == datetime(2026, 1, 1)
    assert as_data_time("2026-01-01T01:00+01:00", None) == datetime(2026, 1, 1)
    assert as_data_time("2026-08-08", "Europe/Paris") == datetime(2026, 8, 7, 22)
    assert as_data_time("2026-08-08T00:00Z", "Europe/Paris") == datetime(2026, 8, 8)
    assert microseconds(datetime(2026, 1, 1)) == JAN_1
    assert time_of(JAN_1) == datetime(2026, 1, 1)

"""Evaluation rows: what is read from the file, and which files are none."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from registry.errors import UsageError
from registry.evaluation.rows import AMOUNT, CLUSTER, LABEL, TIME, read_rows
from tests.candidates import ORIGIN, contract, write_evaluation_rows

NIGHT = datetime(2026, 4, 1, 23, 30)


def write(path: Path, **columns: Sequence[object]) -> Path:
    good: dict[str, Sequence[object]] = {
        "amount": [1.0, 2.0],
        LABEL: [0, 1],
        TIME: [NIGHT, NIGHT + timedelta(hours=1)],
        AMOUNT: [10.0, 99.5],
    }
    pl.DataFrame({**good, **columns}, strict=False).write_parquet(path, metadata=ORIGIN)
    return path


def test_rows_keep_their_columns_labels_days_amounts_and_span(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "rows.parquet"))
    assert rows.columns["amount"].tolist() == [1.0, 2.0]
    assert rows.labelled.labels.tolist() == [0, 1]
    assert rows.labelled.days.tolist() == [20544, 20545]
    assert rows.labelled.amounts.tolist() == [10.0, 99.5]
    assert rows.labelled.clusters is None
    assert rows.delay_days == 7.0
    assert rows.start == datetime(2026, 4, 1, 23, 30, tzinfo=UTC)
    assert rows.end == datetime(2026, 4, 2, 0, 30, tzinfo=UTC)


def test_days_are_those_of_utc_whatever_zone_the_times_have(tmp_path: Path) -> None:
    east = timezone(timedelta(hours=2))
    times: list[object] = [NIGHT.replace(tzinfo=east), NIGHT.replace(tzinfo=UTC)]
    rows = read_rows(write(tmp_path / "rows.parquet", **{TIME: times}))
    assert rows.labelled.days.tolist() == [20544, 20544]
    assert rows.start == datetime(2026, 4, 1, 21, 30, tzinfo=UTC)


def test_the_digest_is_of_the_rows_that_were_read_whatever_replaces_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.parquet")
    content = path.read_bytes()
    read_metadata = pq.read_metadata

    def swap_and_read(source: object) -> object:
        write(path, amount=[3.0, 4.0])
        return read_metadata(source)

    monkeypatch.setattr(pq, "read_metadata", swap_and_read)
    rows = read_rows(path)
    assert path.read_bytes() != content
    assert rows.columns["amount"].tolist() == [1.0, 2.0]
    assert rows.sha256 == hashlib.sha256(content).hexdigest()


def test_the_files_digest_and_origin_are_kept(tmp_path: Path) -> None:
    path = write_evaluation_rows(tmp_path / "rows.parquet")
    rows = read_rows(path)
    assert rows.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert rows.origin == {
        "dataset": "test",
        "data": "made",
        "data_sha256": "0" * 64,
        "delay_days": "7",
    }


@pytest.mark.parametrize("key", ["dataset", "data", "data_sha256", "delay_days"])
def test_a_file_that_does_not_say_where_it_is_from_is_refused(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "rows.parquet")
    origin = {name: value for name, value in ORIGIN.items() if name != key}
    pl.read_parquet(path).write_parquet(path, metadata=origin)
    with pytest.raises(UsageError, match=f"rows.parquet does not state its {key}; it is not"):
        read_rows(path)


@pytest.mark.parametrize("delay", ["", "a week", "-1", "nan", "inf"])
def test_a_label_delay_that_is_no_number_of_days_is_refused(tmp_path: Path, delay: str) -> None:
    path = write(tmp_path / "rows.parquet")
    pl.read_parquet(path).write_parquet(path, metadata={**ORIGIN, "delay_days": delay})
    with pytest.raises(UsageError, match=f"delay_days is '{delay}', which is not a number of days"):
        read_rows(path)


def test_rows_of_one_customer_are_one_cluster_and_rows_of_nobody_known_are_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.parquet"
    columns: dict[str, Sequence[object]] = {
        "amount": [1.0] * 5,
        LABEL: [0, 1, 0, 0, 1],
        TIME: [NIGHT] * 5,
        AMOUNT: [1.0] * 5,
        CLUSTER: ["anna", "ben", None, "anna", None],
    }
    write(path, **columns)
    clusters = read_rows(path).labelled.clusters
    assert clusters is not None
    assert clusters.tolist() == [0, 1, 2, 0, 3]


def spread(path: Path, **columns: Sequence[object]) -> Path:
    """Eight rows over two days with amounts 1 to 8."""
    times = [NIGHT - timedelta(hours=12 * (index % 2)) for index in range(7)]
    eight: dict[str, Sequence[object]] = {
        "amount": [0.0] * 8,
        LABEL: [0, 1] * 4,
        TIME: [*times, NIGHT + timedelta(days=1)],
        AMOUNT: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    }
    return write(path, **{**eight, **columns})


def test_slices_are_quarters_by_amount_and_days(tmp_path: Path) -> None:
    slices = read_rows(spread(tmp_path / "rows.parquet")).slices
    assert [(one.name, one.rows.tolist()) for one in slices] == [
        ("amount 1 to 2.75", [0, 1]),
        ("amount 2.75 to 4.5", [2, 3]),
        ("amount 4.5 to 6.25", [4, 5]),
        ("amount 6.25 to 8", [6, 7]),
        ("day 2026-04-01", [0, 1, 2, 3, 4, 5, 6]),
        ("day 2026-04-02", [7]),
    ]


def test_the_days_of_rows_in_any_order_keep_the_rows_in_their_order(tmp_path: Path) -> None:
    times = [NIGHT + timedelta(days=day) for day in (2, 0, 2, 0, 0, 2, 1, 0)]
    slices = read_rows(spread(tmp_path / "rows.parquet", **{TIME: times})).slices
    assert [one.rows.tolist() for one in slices if one.name.startswith("day ")] == [
        [1, 3, 4, 7],
        [6],
        [0, 2, 5],
    ]


def test_a_band_column_makes_slices_too_and_where_values_repeat_fewer(tmp_path: Path) -> None:
    band: dict[str, list[object]] = {"_band.card age": [0, 0, 0, 0, 0, 0, 5, 9]}
    slices = read_rows(spread(tmp_path / "rows.parquet", **band)).slices
    assert [(one.name, one.rows.tolist()) for one in slices if one.name.startswith("card age")] == [
        ("card age 0 to 1.25", [0, 1, 2, 3, 4, 5]),
        ("card age 1.25 to 9", [6, 7]),
    ]


@pytest.mark.parametrize(
    "amounts", [["ten", "twelve"], [1.0, None], [1.0, math.nan], [math.inf, 1.0]]
)
def test_amounts_that_are_no_numbers_are_refused(tmp_path: Path, amounts: list[object]) -> None:
    path = write(tmp_path / "rows.parquet", **{AMOUNT: amounts})
    with pytest.raises(UsageError, match=r"rows\.parquet: _amount is not a number in every row"):
        read_rows(path)


def test_a_models_inputs_are_encoded_in_the_contracts_order(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", count_7d=[3, 4])
    rows = read_rows(path)
    assert rows.encoded(contract(("count_7d", "amount"))).tolist() == [[3.0, 1.0], [4.0, 2.0]]


def test_a_model_that_takes_another_column_cannot_be_judged(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "rows.parquet"))
    with pytest.raises(UsageError, match="the rows have no column 'count_7d'"):
        rows.encoded(contract(("amount", "count_7d")))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1 and no more"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.parquet").write_bytes(content)
    with pytest.raises(UsageError, match=r"rows.parquet is not a Parquet file"):
        read_rows(tmp_path / "rows.parquet")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mlflow run . -e evaluate"):
        read_rows(tmp_path / "rows.parquet")


@pytest.mark.parametrize("column", [LABEL, TIME, AMOUNT])
def test_a_file_without_label_time_or_amount_is_refused(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "rows.parquet")
    pl.read_parquet(path).drop(column).write_parquet(path)
    with pytest.raises(UsageError, match=f"rows.parquet has no column {column}"):
        read_rows(path)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], [1, 2], [0, None], ["0", "1"]])
def test_labels_must_be_zero_and_one_and_both_occur(tmp_path: Path, labels: list[object]) -> None:
    path = write(tmp_path / "rows.parquet", **{LABEL: labels})
    with pytest.raises(UsageError, match="_label must be 0 or 1"):
        read_rows(path)


def test_times_that_are_none_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", **{TIME: list[object](["yesterday", "today"])})
    with pytest.raises(UsageError, match="_time holds a value that is not a time"):
        read_rows(path)


def test_a_missing_time_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", **{TIME: list[object]([NIGHT, None])})
    with pytest.raises(UsageError, match="_time is missing in 1 rows"):
        read_rows(path)

"""Evaluation rows: what is read from the file, and which files are none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from registry.errors import UsageError
from registry.rows import LABEL, TIME, read_rows
from tests.candidates import contract, write_evaluation_rows

NIGHT = datetime(2026, 4, 1, 23, 30)


def write(path: Path, **columns: list[object]) -> Path:
    good: dict[str, list[object]] = {
        "amount": [1.0, 2.0],
        LABEL: [0, 1],
        TIME: [NIGHT, NIGHT + timedelta(hours=1)],
    }
    pl.DataFrame({**good, **columns}, strict=False).write_parquet(path)
    return path


def test_rows_keep_their_columns_labels_days_and_span(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path / "rows.parquet"))
    assert rows.columns["amount"].tolist() == [1.0, 2.0]
    assert rows.labels.tolist() == [0, 1]
    assert rows.days.tolist() == [20544, 20545]
    assert rows.start == datetime(2026, 4, 1, 23, 30, tzinfo=UTC)
    assert rows.end == datetime(2026, 4, 2, 0, 30, tzinfo=UTC)


def test_days_are_those_of_utc_whatever_zone_the_times_have(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet")
    berlin = pl.col(TIME).dt.replace_time_zone("Europe/Berlin")
    pl.read_parquet(path).with_columns(berlin).write_parquet(path)
    rows = read_rows(path)
    assert rows.days.tolist() == [20544, 20544]
    assert rows.start == datetime(2026, 4, 1, 21, 30, tzinfo=UTC)


def test_the_files_digest_and_origin_are_kept(tmp_path: Path) -> None:
    path = write_evaluation_rows(tmp_path / "rows.parquet")
    rows = read_rows(path)
    assert rows.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert rows.origin == {"dataset": "test", "data": "made", "data_sha256": "0" * 64}


def test_a_file_that_says_no_origin_has_none(tmp_path: Path) -> None:
    assert read_rows(write(tmp_path / "rows.parquet")).origin == {}


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


@pytest.mark.parametrize("column", [LABEL, TIME])
def test_a_file_without_label_or_time_is_refused(tmp_path: Path, column: str) -> None:
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
    with pytest.raises(UsageError, match="_time holds something that is no time"):
        read_rows(path)


def test_a_missing_time_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.parquet", **{TIME: list[object]([NIGHT, None])})
    with pytest.raises(UsageError, match="_time is missing in 1 rows"):
        read_rows(path)

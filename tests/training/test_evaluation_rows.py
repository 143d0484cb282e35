"""Evaluation rows: the test days, and nothing of the days that a model was fitted on."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from registry.evaluation.rows import read_rows
from training.data import read_data
from training.dataset import read_dataset
from training.errors import BadInput
from training.evaluation_rows import write_evaluation_rows
from training.split import split_by_time


def test_the_rows_are_the_test_part_with_label_time_amount_and_customer(
    transactions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "rows.parquet"

    count = write_evaluation_rows(str(transactions), "simulated", path)

    data = read_data(str(transactions), read_dataset("simulated"))
    parts = split_by_time(data.frame, data.dataset, test_share=0.3)
    rows = pl.read_parquet(path)
    assert count == len(rows) == 5564
    assert rows.columns == [
        *read_dataset("simulated").inputs,
        "_label",
        "_time",
        "_amount",
        "_cluster",
        "_band.customer_id age in days",
        "_band.customer_id count in 30 days",
        "_band.terminal_id age in days",
        "_band.terminal_id count in 30 days",
    ]
    assert rows["_label"].to_list() == parts.test["fraud"].to_list()
    assert rows["_time"].to_list() == parts.test["time"].to_list()
    assert rows["_amount"].to_list() == parts.test["amount"].to_list()
    assert rows["_cluster"].to_list() == parts.test["customer_id"].to_list()
    assert parts.train["time"].max() + timedelta(days=7) < rows["_time"].min()  # type: ignore[operator]


def test_the_rows_say_which_data_they_are_from(transactions: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_evaluation_rows(str(transactions), "simulated", path)

    rows = read_rows(path)

    assert rows.origin == {
        "dataset": "simulated",
        "data": str(transactions),
        "data_sha256": hashlib.sha256(transactions.read_bytes()).hexdigest(),
        "delay_days": "7",
    }
    assert int(rows.labelled.labels.sum()) == 46


def test_the_same_data_make_the_same_file(transactions: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_evaluation_rows(str(transactions), "simulated", first)
    write_evaluation_rows(str(transactions), "simulated", second)

    assert first.read_bytes() == second.read_bytes()


def test_bad_data_write_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no data at"):
        write_evaluation_rows(
            str(tmp_path / "none.parquet"), "simulated", tmp_path / "rows.parquet"
        )

    assert list(tmp_path.iterdir()) == []


def test_a_crash_while_writing_leaves_the_old_file_as_it_was(
    transactions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"old")

    def crash(frame: pl.DataFrame, file: Path, **_: object) -> None:
        file.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", crash)
    with pytest.raises(BadInput, match=r"rows\.parquet cannot be written: no space left"):
        write_evaluation_rows(str(transactions), "simulated", path)

    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["rows.parquet"]

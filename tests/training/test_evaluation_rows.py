"""Evaluation rows: the test days, as training writes them, as the gates read them, in memory."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.evaluation.rows import EvaluationRows, read_rows
from tests.training.payments import data_of, dataset
from training.data import read_data
from training.dataset import read_dataset
from training.errors import BadInput
from training.evaluation_rows import (
    cluster_numbers,
    evaluation_rows,
    labelled_rows,
    write_evaluation_rows,
)
from training.split import split_by_time, split_data

DATASET = """\
label: fraud
time: {column: when}
amount: eur
entities:
  card: {}
  shop: {risk: true}
windows_days: [1, 3]
delay_days: 1
alert_budget_per_day: 5
test_share: 0.5
"""

START = datetime(2026, 1, 1, 12)
DAYS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9.5, 9.75]
CARDS = ["a", "a", "b", "b", "a", "b", "a", "c", None, "a", "a", None]
SHOPS = ["s", "t", "s", "t", "s", "t", "s", "t", "s", "u", "s", "s"]
FRAUDS = [1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0]
AMOUNTS = [float(10 + index) for index in range(12)]


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


def test_the_rows_name_the_data_that_they_are_from(transactions: Path, tmp_path: Path) -> None:
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


def test_the_same_data_gives_the_same_file(transactions: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    write_evaluation_rows(str(transactions), "simulated", first)
    write_evaluation_rows(str(transactions), "simulated", second)

    assert first.read_bytes() == second.read_bytes()


def test_bad_data_writes_no_file(tmp_path: Path) -> None:
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
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """The later six of twelve transactions, written as rows."""
    (tmp_path / "mine.yaml").write_text(DATASET)
    frame = pl.DataFrame(
        {
            "when": [START + timedelta(days=day) for day in DAYS],
            "card": CARDS,
            "shop": SHOPS,
            "eur": AMOUNTS,
            "fraud": FRAUDS,
        }
    )
    frame.write_parquet(tmp_path / "data.parquet")
    destination = tmp_path / "rows" / "rows.parquet"
    assert (
        write_evaluation_rows(
            str(tmp_path / "data.parquet"), str(tmp_path / "mine.yaml"), destination
        )
        == 6
    )
    return destination


@pytest.fixture
def rows(parquet: Path) -> EvaluationRows:
    return read_rows(parquet)


def test_the_file_holds_amount_customer_and_bands(parquet: Path) -> None:
    frame = pl.read_parquet(parquet)
    assert [name for name in frame.columns if name.startswith("_")] == [
        "_label",
        "_time",
        "_amount",
        "_cluster",
        "_band.card age in days",
        "_band.card count in 3 days",
        "_band.shop age in days",
        "_band.shop count in 3 days",
    ]
    assert frame["_amount"].to_list() == [16, 17, 18, 19, 20, 21]
    assert frame["_cluster"].to_list() == ["a", "c", None, "a", "a", None]
    assert frame["_band.card age in days"].to_list() == [6, 0, 0, 9, 9, 0]
    assert frame["_band.card count in 3 days"].to_list() == [2, 1, 0, 1, 2, 0]
    assert frame["_band.shop age in days"].to_list() == [6, 6, 8, 0, 9, 9]
    # A day late: transactions younger than the label delay do not count.
    assert frame["_band.shop count in 3 days"].to_list() == [1, 1, 1, 0, 2, 2]


def test_the_gates_read_amounts_labels_and_days(rows: EvaluationRows) -> None:
    assert rows.labelled.amounts.tolist() == [16, 17, 18, 19, 20, 21]
    assert rows.labelled.labels.tolist() == [1, 0, 0, 0, 1, 0]
    # 7 January 2026 is 20,460 days after 1 January 1970.
    assert rows.labelled.days.tolist() == [20460, 20461, 20462, 20463, 20464, 20464]


def test_the_gates_read_the_label_delay_of_the_data_set(rows: EvaluationRows) -> None:
    assert rows.delay_days == 1.0
    assert rows.origin["delay_days"] == "1"


def test_each_card_is_a_cluster_and_so_is_each_row_without_a_card(rows: EvaluationRows) -> None:
    assert rows.labelled.clusters is not None
    assert rows.labelled.clusters.tolist() == [0, 1, 2, 0, 0, 3]


def test_slices_are_by_amount_by_band_and_by_day(rows: EvaluationRows) -> None:
    slices = {part.name: np.bincount(part.rows, minlength=6).tolist() for part in rows.slices}
    assert {name: slices[name] for name in slices if "count" not in name} == {
        "amount 16 to 17.25": [1, 1, 0, 0, 0, 0],
        "amount 17.25 to 18.5": [0, 0, 1, 0, 0, 0],
        "amount 18.5 to 19.75": [0, 0, 0, 1, 0, 0],
        "amount 19.75 to 21": [0, 0, 0, 0, 1, 1],
        "card age in days 0 to 3": [0, 1, 1, 0, 0, 1],
        "card age in days 3 to 8.25": [1, 0, 0, 0, 0, 0],
        "card age in days 8.25 to 9": [0, 0, 0, 1, 1, 0],
        "shop age in days 0 to 6": [0, 0, 0, 1, 0, 0],
        "shop age in days 6 to 7": [1, 1, 0, 0, 0, 0],
        "shop age in days 7 to 8.75": [0, 0, 1, 0, 0, 0],
        "shop age in days 8.75 to 9": [0, 0, 0, 0, 1, 1],
        "day 2026-01-07": [1, 0, 0, 0, 0, 0],
        "day 2026-01-08": [0, 1, 0, 0, 0, 0],
        "day 2026-01-09": [0, 0, 1, 0, 0, 0],
        "day 2026-01-10": [0, 0, 0, 1, 0, 0],
        "day 2026-01-11": [0, 0, 0, 0, 1, 1],
    }


def test_every_row_is_in_one_slice_of_each_band(rows: EvaluationRows) -> None:
    for prefix in ("amount ", "day ", "card age", "card count", "shop age", "shop count"):
        parts = [part.rows for part in rows.slices if part.name.startswith(prefix)]
        assert sorted(np.concatenate(parts).tolist()) == [0, 1, 2, 3, 4, 5], prefix


def test_rows_are_labelled_by_label_amount_and_day_from_1970() -> None:
    times = [datetime(1970, 1, 1), datetime(2026, 1, 1, 23, 59), datetime(2026, 1, 2)]
    frame = pl.DataFrame({"when": times, "fraud": [0, 1, 0], "amount": [1.0, 2.5, 3.0]})

    rows = labelled_rows(data_of(dataset()), frame)

    assert rows.days.tolist() == [0, 20454, 20455]
    assert rows.amounts.tolist() == [1.0, 2.5, 3.0]
    assert rows.labels.tolist() == [0, 1, 0]


def test_the_rows_in_memory_are_those_of_the_written_file(
    transactions: Path, tmp_path: Path
) -> None:
    write_evaluation_rows(str(transactions), "simulated", tmp_path / "rows.parquet")
    written = read_rows(tmp_path / "rows.parquet")
    data = read_data(str(transactions), read_dataset("simulated"))

    in_memory = evaluation_rows(data, split_data(data.frame, data.dataset).test)

    ours, theirs = in_memory.labelled, written.labelled
    assert np.array_equal(ours.labels, theirs.labels)
    assert np.array_equal(ours.days, theirs.days)
    assert np.array_equal(ours.amounts, theirs.amounts)
    assert ours.independent_frauds == theirs.independent_frauds
    assert (in_memory.start, in_memory.end) == (written.start, written.end)
    assert [part.name for part in in_memory.slices] == [part.name for part in written.slices]
    for part, other in zip(in_memory.slices, written.slices, strict=True):
        assert np.array_equal(part.rows, other.rows)
    assert any("customer_id age in days" in part.name for part in in_memory.slices)


def test_clusters_are_numbered_without_gaps_and_unknown_owners_get_their_own() -> None:
    assert cluster_numbers(pl.Series(["b", None, "a", "b", None])).tolist() == [0, 2, 1, 0, 3]
    assert cluster_numbers(pl.Series([7, 7, 3])).tolist() == [0, 0, 1]
    assert cluster_numbers(pl.Series([None, None], dtype=pl.String)).tolist() == [0, 1]

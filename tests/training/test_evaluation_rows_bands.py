"""Evaluation rows: what training writes for the gates is what the gates read."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from registry.evaluation.rows import EvaluationRows, read_rows
from training.evaluation_rows import write_evaluation_rows

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
    # A day late: what is younger than the label delay does not count.
    assert frame["_band.shop count in 3 days"].to_list() == [1, 1, 1, 0, 2, 2]


def test_the_gates_read_amounts_labels_and_days(rows: EvaluationRows) -> None:
    assert rows.labelled.amounts.tolist() == [16, 17, 18, 19, 20, 21]
    assert rows.labelled.labels.tolist() == [1, 0, 0, 0, 1, 0]
    # 7 January 2026 is 20,460 days after 1 January 1970.
    assert rows.labelled.days.tolist() == [20460, 20461, 20462, 20463, 20464, 20464]


def test_the_gates_read_the_label_delay_of_the_data_set(rows: EvaluationRows) -> None:
    assert rows.delay_days == 1.0
    assert rows.origin["delay_days"] == "1"


def test_each_card_is_a_cluster_and_a_row_of_no_card_is_one_by_itself(rows: EvaluationRows) -> None:
    assert rows.labelled.clusters is not None
    assert rows.labelled.clusters.tolist() == [0, 1, 2, 0, 0, 3]


def test_slices_are_by_amount_by_band_and_by_day(rows: EvaluationRows) -> None:
    slices = {one.name: one.rows.astype(int).tolist() for one in rows.slices}
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
        together = sum(one.rows.astype(int) for one in rows.slices if one.name.startswith(prefix))
        assert np.array_equal(together, np.ones(6)), prefix

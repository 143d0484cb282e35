"""The evaluation rows of the growth benchmark."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from benchmarks.growth.gates import write_more


def test_rows_are_spread_over_the_days_and_copies_are_of_other_customers(tmp_path: Path) -> None:
    few, more = tmp_path / "few.parquet", tmp_path / "more.parquet"
    times = [datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 8)]
    frame = pl.DataFrame({"_time": times, "_cluster": ["a", "b"], "amount": [1.0, 2.0]})
    frame.write_parquet(few, metadata={"data": "made"})

    write_more(few, more, 4, 2)

    assert pl.read_parquet(more).rows() == [
        (datetime(2026, 1, 1, 8), "a 0", 1.0),
        (datetime(2026, 1, 1, 20), "b 0", 2.0),
        (datetime(2026, 1, 2, 8), "a 1", 1.0),
        (datetime(2026, 1, 2, 20), "b 1", 2.0),
    ]
    assert pl.read_parquet_metadata(more)["data"] == "made"

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import polars as pl
import pytest

from monitoring.promise import evaluated
from monitoring.sequential import AlertDay
from registry.errors import BytesMismatch

SCORES = pl.DataFrame(
    {
        "_time": [datetime(2026, 4, 1, hour) for hour in (0, 12, 23)] + [datetime(2026, 4, 2)],
        "_label": [0, 1, 0, 1],
        "candidate": pl.Series([0.1, 0.9, 0.5, 0.2], dtype=pl.Float32),
        "production": pl.Series([0.0] * 4, dtype=pl.Float32),
    }
)


def content(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_scores_of_an_evaluation_are_transactions_with_alerts(zone: str | None) -> None:
    table = SCORES.with_columns(pl.col("_time").dt.replace_time_zone(zone))

    found = evaluated(content(table), budget_per_day=2)

    assert found.alert_days() == [AlertDay(20_544, 2, 1), AlertDay(20_545, 1, 1)]
    assert found.labels.tolist() == [1, 0, 0, 1]
    assert found.probabilities.tolist() == pytest.approx([0.9, 0.5, 0.1, 0.2])


@pytest.mark.parametrize("bytes_", [b"", content(SCORES.drop("candidate"))])
def test_other_files_are_refused(bytes_: bytes) -> None:
    with pytest.raises(BytesMismatch, match="does not hold the scores"):
        evaluated(bytes_, 2)

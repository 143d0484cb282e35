from __future__ import annotations

import polars as pl
import pytest

from monitoring.labels import Counts, LabelColumns
from tests.monitoring.tables import joined, records


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-20T23:59:59Z", 1),
        ("1970-01-21 00:00:01", 0),
        ("1970-01-21T01:00:00+02:00", 1),
        ("1970-01-21T00:30", 0),
        ("1970-01-20", 1),
        ("", 0),
        ("yesterday", 0),
        (None, 1),
    ],
)
def test_times_are_read_as_text_of_iso_8601(text: str | None, expected: int) -> None:
    named = pl.DataFrame(
        {"transaction_id": ["t"], "fraud": ["True"], "known_at": pl.Series([text], dtype=pl.String)}
    )

    assert joined(records({}), named).counts.frauds == expected


def test_labels_are_numbers_truth_values_or_text_and_ids_may_be_numbers() -> None:
    sent = records(*({"transaction_id": str(n)} for n in range(4)))
    for column in ([1, 0, 1, 7], [True, False, True, None], ["1", "FALSE", " true ", "maybe"]):
        named = pl.DataFrame({"id": [0, 1, 2, 3], "is_fraud": column})
        result = joined(sent, named, LabelColumns(id="id", fraud="is_fraud"))
        assert result.counts == Counts(
            records=4, labels=4, invalid_labels=1, unlabelled=1, genuine=1, frauds=2
        )

"""Which files hold data, by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.storage.data_files import is_csv, is_data_file


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv.gz", True),
        ("2026/B.PARQUET", True),
        ("a.tsv", True),
        ("readme.txt", False),
        ("_SUCCESS.csv", False),
        (".hidden/a.csv", False),
        ("a.json", False),
    ],
)
def test_data_has_an_ending_of_csv_or_parquet_and_is_not_hidden(name: str, expected: bool) -> None:
    assert is_data_file(Path(name)) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("a.txt", True), ("a.CSV.zst", True), ("a.pq", False)]
)
def test_csv_is_text_compressed_or_not(name: str, expected: bool) -> None:
    assert is_csv(Path(name)) is expected

"""The transactions of the growth benchmark are like the Handbook's."""

from __future__ import annotations

import pytest

from benchmarks.growth.training import like_the_handbook
from training.dataset import read_dataset


def test_there_are_as_many_rows_as_asked_for_of_half_a_year() -> None:
    frame = like_the_handbook(20_000)
    assert len(frame) == 20_000
    assert set(read_dataset("handbook").columns) <= set(frame.columns)
    assert frame["TX_DATETIME"].is_sorted()
    assert (frame["TX_DATETIME"][-1] - frame["TX_DATETIME"][0]).days == 154


def test_more_customers_than_the_book_has_are_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.growth.training.BOOK_CUSTOMERS", 100)
    frame = like_the_handbook(40_000)
    assert len(frame) == 40_000
    assert frame["CUSTOMER_ID"].n_unique() == 130

"""What `verify` remembers: for how long, of which entries, and what a damaged file does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.errors import UsageError
from registry.ledger.statement import EvidenceRef, format_time
from registry.lifecycle.verified import Verified, name_of
from tests.registry.entries import FREEZE, A, B, folded, numbered, promote

NAME = "a" * 64


def line(age: timedelta) -> str:
    return f"{format_time(datetime.now(UTC) - age)} {NAME}\n"


def test_a_name_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "verified.txt"
    assert NAME not in Verified(path)
    Verified(path).add(NAME)
    assert NAME in Verified(path)
    assert "b" * 64 not in Verified(path)


def test_without_a_file_nothing_is_remembered() -> None:
    verified = Verified(None)
    verified.add(NAME)
    assert NAME not in verified


@pytest.mark.parametrize(
    ("age", "remembered"),
    [(timedelta(days=29), True), (timedelta(days=31), False), (timedelta(days=-1), False)],
    ids=["29 days", "31 days", "of tomorrow"],
)
def test_it_is_remembered_for_30_days(tmp_path: Path, age: timedelta, remembered: bool) -> None:
    path = tmp_path / "verified.txt"
    path.write_text(line(age))
    assert (NAME in Verified(path)) == remembered


def test_a_line_that_a_crash_cut_off_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "verified.txt"
    no_time = f"2026-13-45T99:99:99Z {'a' * 64}\n"
    path.write_text(line(timedelta())[:-10] + "\n" + "garbage\n" + no_time)
    verified = Verified(path)
    assert NAME not in verified
    verified.add(NAME)
    assert NAME in Verified(path)


def test_a_line_after_one_that_was_cut_off_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "verified.txt"
    path.write_text(line(timedelta())[:-10])
    for _ in range(2):
        Verified(path).add(NAME)
    assert NAME in Verified(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Verified(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        Verified(tmp_path / "none" / "verified.txt").add(NAME)


def test_an_entry_has_the_name_of_the_one_that_it_repeats_and_no_other() -> None:
    first, second, freeze = (name_of(link) for link in folded(*numbered(A, B, FREEZE)).chain)
    assert second == freeze != first
    evaluated_again = promote("b", A, evidence=EvidenceRef(run_id="beef", sha256="d" * 64))
    _, other = (name_of(link) for link in folded(*numbered(A, evaluated_again)).chain)
    assert evaluated_again.files == B.files
    assert other != second

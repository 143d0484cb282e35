"""Errors of a store say what is wrong, and do not repeat ids."""

from __future__ import annotations

from features.stores.outcomes import Conflict, OutOfRange


def test_an_error_names_no_id() -> None:
    assert "4111" not in str(Conflict("4111 1111 1111 1111"))
    assert str(OutOfRange(0, 90_000_000)) == "its time is 90 s before the oldest accepted"

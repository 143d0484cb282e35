"""The ledger as a value: what puts a model in force and the head."""

from __future__ import annotations

import pytest

from registry.errors import VerificationError
from tests.registry.entries import (
    BOB,
    FREEZE,
    REVOKED,
    A,
    B,
    C,
    folded,
    numbered,
    promote,
    repeated,
    rollback,
    version,
)


def test_promotions_and_rollbacks_put_models_in_force_and_freezes_do_not() -> None:
    back = rollback(A, FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, back, repeated("unfreeze", A, back)))
    assert [link.version for link in ledger.models] == [1, 2, 4]
    assert ledger.head == ledger.chain[3]
    assert ledger.tip == ledger.chain[4]


def test_an_overrun_puts_no_model_in_force() -> None:
    back = version(4, rollback(B, C), BOB)
    ledger = folded(*numbered(A, B, C), back, trust=REVOKED)
    assert [link.version for link in ledger.models] == [1, 2, 4]


def test_of_a_broken_ledger_in_doubt_the_break_is_reported() -> None:
    ledger = folded(*numbered(A, B, C), version(9, promote("f", promote("d"))), trust=REVOKED)
    with pytest.raises(VerificationError, match="the ledger is broken: version 9 is broken"):
        _ = ledger.head


def test_an_entry_is_printed_as_a_phrase() -> None:
    link = folded(version(7, A)).chain[0]
    assert str(link) == "version 7: promote of candidate 4 by github:alice"

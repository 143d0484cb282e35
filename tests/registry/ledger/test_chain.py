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
    planned,
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


def test_a_plan_has_its_place_and_puts_nothing_in_force() -> None:
    first = planned("b")
    only_a_plan = folded(*numbered(first))
    assert (len(only_a_plan.chain), only_a_plan.head, only_a_plan.models) == (1, None, ())
    promoted = promote("a", first)
    ledger = folded(*numbered(first, promoted, planned("c", promoted)))
    assert ledger.findings == ()
    assert ledger.head == ledger.chain[1]
    assert ledger.tip == ledger.chain[2]


def test_a_plan_counts_while_frozen_and_leaves_it_frozen() -> None:
    plan = planned("c", FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, plan, promote("c", plan)))
    assert [str(finding) for finding in ledger.findings] == [
        "version 5 is void: the ledger is frozen"
    ]
    assert ledger.tip == ledger.chain[3]
    assert ledger.frozen


def test_what_was_only_planned_cannot_be_rolled_back_to_or_frozen() -> None:
    plan = planned("b", A)
    for void in (rollback(plan, plan), repeated("freeze", plan, plan)):
        ledger = folded(*numbered(A, plan, void))
        assert [finding.kind for finding in ledger.findings] == ["void"]
        assert ledger.head == ledger.chain[0]


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

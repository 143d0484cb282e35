"""The ledger as a value: what puts a model in force, the head, and the way back."""

from __future__ import annotations

import pytest

from registry.errors import NotFound, VerificationError
from registry.ledger.chain import Ledger, Version
from registry.ledger.fold import fold
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust
from tests.registry.entries import (
    ALICE,
    BOB,
    LEDGER_ID,
    TRUST,
    promote,
    repeated,
    rollback,
    trusted,
    version,
)

A = promote("a")
B = promote("b", A)
C = promote("c", B)
FREEZE = repeated("freeze", B, B)
REVOKED = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=2), trusted(BOB)))


def folded(*versions: Version, trust: Trust = TRUST) -> Ledger:
    return fold(versions, trust)


def numbered(*statements: Statement) -> list[Version]:
    return [version(number, one) for number, one in enumerate(statements, 1)]


def test_promotions_and_rollbacks_put_models_in_force_and_freezes_do_not() -> None:
    back = rollback(A, FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, back, repeated("unfreeze", A, back)))
    assert [one.version for one in ledger.models] == [1, 2, 4]
    assert ledger.head == ledger.chain[3]
    assert ledger.tip == ledger.chain[4]


def test_an_overrun_puts_no_model_in_force() -> None:
    back = version(4, rollback(B, C), BOB)
    ledger = folded(*numbered(A, B, C), back, trust=REVOKED)
    assert [one.version for one in ledger.models] == [1, 2, 4]


def test_of_a_broken_ledger_in_doubt_the_break_is_told() -> None:
    ledger = folded(*numbered(A, B, C), version(9, promote("f", promote("d"))), trust=REVOKED)
    with pytest.raises(VerificationError, match="the ledger is broken: version 9 is broken"):
        _ = ledger.head


def test_the_way_back_is_to_the_entry_before_the_heads() -> None:
    assert folded(*numbered(A, B, C)).earlier(None).statement == B


def test_a_second_way_back_goes_further_back_and_never_to_what_the_first_one_left() -> None:
    back = rollback(B, C)
    assert folded(*numbered(A, B, C, back)).earlier(None).statement == A


def test_there_is_no_way_back_from_the_oldest_model_to_a_newer_one() -> None:
    with pytest.raises(NotFound, match="no other model was in Production before this one"):
        folded(*numbered(A, B, rollback(A, B))).earlier(None)


def test_the_way_back_from_a_model_promoted_again_is_to_what_it_replaced() -> None:
    again = promote("a", B)
    assert folded(*numbered(A, B, again)).earlier(None).statement == B


def test_the_way_back_from_an_overrun_is_to_the_last_entry_that_was_in_force() -> None:
    ledger = folded(*numbered(A, B, C), trust=REVOKED)
    assert ledger.earlier(None).statement == B
    assert ledger.earlier(1).statement == A


def test_an_overrun_with_the_files_of_the_last_good_entry_leaves_a_way_back() -> None:
    revoked = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=1), trusted(BOB)))
    ledger = folded(*numbered(A, promote("a", A)), trust=revoked)
    assert ledger.earlier(None).version == 1
    assert ledger.earlier(1).version == 1


def test_there_is_no_way_back_to_an_overrun() -> None:
    back = version(4, rollback(B, C), BOB)
    ledger = folded(*numbered(A, B, C), back, trust=REVOKED)
    with pytest.raises(
        NotFound, match=r"version 3 never put a model in force; those that did: 1, 2, 4$"
    ):
        ledger.earlier(3)
    assert ledger.earlier(None).statement == A


def test_a_named_entry_can_be_gone_back_to_even_if_it_is_newer() -> None:
    assert folded(*numbered(A, B, rollback(A, B))).earlier(2).statement == B


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (2, "the files of version 2 are in force already"),
        (9, "version 9 never put a model in force; those that did: 1, 2$"),
        (None, None),
    ],
)
def test_a_way_back_that_is_none_is_refused(wanted: int | None, words: str | None) -> None:
    ledger = folded(*numbered(A, B))
    if words is None:
        assert ledger.earlier(wanted).version == 1
    else:
        with pytest.raises(NotFound, match=words):
            ledger.earlier(wanted)


@pytest.mark.parametrize("wanted", [None, 1])
def test_an_empty_ledger_has_no_way_back(wanted: int | None) -> None:
    with pytest.raises(NotFound, match="the ledger has no entry yet"):
        folded().earlier(wanted)


def test_a_ledger_whose_first_entry_was_deleted_is_broken_and_not_empty() -> None:
    with pytest.raises(VerificationError, match="the ledger is broken"):
        folded(version(2, B)).earlier(None)


def test_a_broken_ledger_has_no_way_back_even_if_it_ends_with_an_overrun() -> None:
    ledger = folded(*numbered(A, B, C), version(9, promote("f", promote("d"))), trust=REVOKED)
    with pytest.raises(VerificationError, match="the ledger is broken"):
        ledger.earlier(1)


def test_an_entry_says_in_a_sentence_what_it_did() -> None:
    link = folded(version(7, A)).chain[0]
    assert str(link) == "version 7: promote of candidate 4 by github:alice"


def test_the_way_back_from_a_frozen_ledger_passes_over_the_freeze() -> None:
    ledger = folded(*numbered(A, B, FREEZE))
    assert ledger.earlier(None).statement == A
    with pytest.raises(NotFound, match="version 3 never put a model in force"):
        ledger.earlier(3)


def test_the_way_back_from_a_promotion_after_an_overrun_is_to_what_was_in_force_before() -> None:
    later = version(4, promote("d", C), BOB)
    ledger = folded(*numbered(A, B, C), later, trust=REVOKED)
    assert ledger.earlier(None).statement == B

"""The fold: which versions of a server's list are in the chain, and what they put in force."""

from __future__ import annotations

import cProfile
import json
from collections import Counter
from types import CodeType
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from registry.errors import VerificationError
from registry.ledger.chain import Ledger, Version
from registry.ledger.fold import fold
from registry.ledger.statement import PAYLOAD_TYPE, Statement, sign
from registry.ledger.trust import Trust
from tests.registry.entries import (
    ALICE,
    BOB,
    FREEZE,
    LEDGER_ID,
    REVOKED,
    TRUST,
    A,
    B,
    C,
    envelope,
    folded,
    numbered,
    promote,
    repeated,
    rollback,
    trusted,
    version,
)


def numbers(ledger: Ledger) -> list[int]:
    return [link.version for link in ledger.chain]


def kinds(ledger: Ledger) -> dict[int, str]:
    return {finding.version: finding.kind for finding in ledger.findings}


def head(ledger: Ledger) -> Statement | None:
    return ledger.head.statement if ledger.head else None


def test_nothing_is_in_force_in_an_empty_ledger() -> None:
    ledger = folded()
    assert (ledger.chain, ledger.findings, ledger.head, ledger.tip) == ((), (), None, None)


def test_the_first_statement_is_in_force() -> None:
    ledger = folded(version(1, A))
    assert head(ledger) == A
    assert ledger.findings == ()


def test_a_successor_takes_over() -> None:
    ledger = folded(*numbered(A, B, C))
    assert numbers(ledger) == [1, 2, 3]
    assert head(ledger) == C
    assert ledger.tip == ledger.head


def test_the_order_in_which_versions_are_listed_does_not_matter() -> None:
    assert folded(version(3, C), version(1, A), version(2, B)) == folded(*numbered(A, B, C))


def test_of_two_successors_the_lower_version_wins_and_the_other_is_lost() -> None:
    loser = promote("d", A)
    ledger = folded(version(1, A), version(3, loser), version(2, B))
    assert numbers(ledger) == [1, 2]
    assert str(ledger.findings[0]) == "version 3 is lost: version 2 won"


def test_of_two_first_statements_the_lower_version_wins() -> None:
    ledger = folded(version(2, promote("d")), version(1, A), version(3, B))
    assert numbers(ledger) == [1, 3]
    assert kinds(ledger) == {2: "lost"}


def test_a_void_successor_does_not_keep_a_later_one_from_winning() -> None:
    skipping = promote("d", A, sequence=3)
    ledger = folded(version(1, A), version(2, skipping), version(3, B))
    assert numbers(ledger) == [1, 3]
    assert kinds(ledger) == {2: "void"}


def test_a_repeated_statement_counts_once() -> None:
    ledger = folded(version(1, A), version(2, B), version(3, A), version(4, B))
    assert numbers(ledger) == [1, 2]
    assert [str(finding) for finding in ledger.findings] == [
        "version 3 is repeated: it repeats version 1",
        "version 4 is repeated: it repeats version 2",
    ]


def test_a_version_without_a_statement_is_passed_over() -> None:
    ledger = folded(version(1, A), Version(2, "mlflow-artifacts:/1/x", None))
    assert head(ledger) == A
    assert str(ledger.findings[0]) == "version 2 is passed over: it has no statement"


def test_a_version_that_is_too_large_to_be_read_is_passed_over() -> None:
    ledger = folded(version(1, A), Version(2, "", None, too_large=True))
    assert head(ledger) == A
    assert str(ledger.findings[0]) == "version 2 is passed over: its tags are too large to be read"


def test_of_a_long_source_that_differs_only_the_start_is_kept() -> None:
    ledger = folded(version(1, A), Version(2, "x" * 1_000_000, sign(B, ALICE)))
    assert ledger.findings[0].reason == (
        f"its source is '{'x' * 200}', but its statement names "
        "'mlflow-artifacts:/1/b/artifacts/model'"
    )


def test_a_statement_by_an_unknown_key_is_passed_over() -> None:
    ledger = folded(version(1, A), version(2, B, signer=BOB))
    assert head(ledger) == A
    assert kinds(ledger) == {2: "passed over"}


def test_a_statement_of_another_ledger_is_passed_over() -> None:
    ledger = folded(version(1, promote("d", ledger_id="another")), version(2, A))
    assert head(ledger) == A
    assert str(ledger.findings[0]) == "version 1 is passed over: it belongs to another ledger"


def test_a_version_with_another_source_than_its_statement_is_void() -> None:
    replayed = Version(2, "mlflow-artifacts:/1/evil\nversion 9", sign(B, ALICE))
    ledger = folded(version(1, A), replayed)
    assert head(ledger) == A
    assert str(ledger.findings[0]) == (
        r"version 2 is void: its source is 'mlflow-artifacts:/1/evil\nversion 9', "
        "but its statement names 'mlflow-artifacts:/1/b/artifacts/model'"
    )


def test_a_replay_with_another_source_does_not_shadow_the_real_version() -> None:
    ledger = folded(Version(1, "mlflow-artifacts:/1/evil", sign(A, ALICE)), version(2, A))
    assert numbers(ledger) == [2]
    assert kinds(ledger) == {1: "void"}


def test_a_deleted_entry_in_the_middle_breaks_the_chain() -> None:
    ledger = folded(version(1, A), version(3, C))
    assert kinds(ledger) == {3: "broken"}
    with pytest.raises(VerificationError, match="the ledger is broken: version 3"):
        _ = ledger.head


def test_a_deleted_first_entry_breaks_the_chain() -> None:
    ledger = folded(version(2, B), version(3, C))
    assert kinds(ledger) == {2: "broken", 3: "broken"}
    with pytest.raises(VerificationError, match="restore the deleted version"):
        _ = ledger.head


def test_a_child_of_a_loser_breaks_the_chain() -> None:
    loser = promote("d", A)
    ledger = folded(*numbered(A, B, loser, promote("e", loser)))
    assert kinds(ledger) == {3: "lost", 4: "broken"}
    with pytest.raises(VerificationError, match="version 4 is broken"):
        _ = ledger.head


def test_a_wrong_sequence_is_void() -> None:
    ledger = folded(version(1, A), version(2, promote("b", A, sequence=7)))
    assert head(ledger) == A
    assert ledger.findings[0].reason == "its sequence is 7, but its place is 2"


def test_a_first_statement_with_a_later_sequence_is_void() -> None:
    ledger = folded(version(1, promote("a", sequence=2)))
    assert ledger.head is None
    assert ledger.findings[0].reason == "its sequence is 2, but its place is 1"


def test_a_rollback_puts_the_earlier_files_back_in_force() -> None:
    back = rollback(A, B)
    ledger = folded(*numbered(A, B, back))
    assert head(ledger) == back
    assert back.files == A.files


def test_a_rollback_to_files_that_were_never_in_force_is_void() -> None:
    ledger = folded(*numbered(A, B, rollback(promote("d"), B)))
    assert head(ledger) == B
    assert ledger.findings[0].reason == "it rolls back to files that were never in force"


def test_a_rollback_to_the_files_of_a_loser_is_void() -> None:
    loser = promote("d", A)
    ledger = folded(*numbered(A, B, loser, rollback(loser, B)))
    assert head(ledger) == B
    assert kinds(ledger) == {3: "lost", 4: "void"}


def test_a_rollback_to_known_files_at_another_address_is_void() -> None:
    elsewhere = promote("a", B, action="rollback", source="mlflow-artifacts:/1/evil")
    assert head(folded(*numbered(A, B, elsewhere))) == B


def test_a_rollback_cannot_be_the_first_entry() -> None:
    ledger = folded(version(1, promote("a", action="rollback")))
    assert ledger.head is None
    assert kinds(ledger) == {1: "void"}


def test_a_key_may_not_sign_before_its_first_sequence() -> None:
    late = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE), trusted(BOB, first=3)))
    ledger = folded(
        version(1, A), version(2, B, BOB), version(3, B), version(4, C, BOB), trust=late
    )
    assert numbers(ledger) == [1, 3, 4]
    assert (
        str(ledger.findings[0])
        == "version 2 is passed over: its key may not sign this sequence yet"
    )


def test_entries_up_to_a_revoked_keys_last_sequence_stay_in_force() -> None:
    assert head(folded(*numbered(A, B), trust=REVOKED)) == B


@pytest.mark.parametrize(
    "third",
    [C, rollback(A, B), repeated("freeze", B, B), repeated("unfreeze", B, B)],
    ids=lambda statement: statement.entry.action,
)
def test_an_entry_past_its_keys_last_sequence_keeps_its_place_and_leaves_nothing_in_force(
    third: Statement,
) -> None:
    ledger = folded(*numbered(A, B, third), trust=REVOKED)
    assert [link.overrun for link in ledger.chain] == [False, False, True]
    assert ledger.in_doubt
    assert ledger.findings == ()
    with pytest.raises(VerificationError, match=r"version 3: .* signed past its key's last sequ"):
        _ = ledger.head


@pytest.mark.parametrize("action", ["promote", "freeze"])
def test_after_an_overrun_nothing_but_a_rollback_puts_a_model_in_force(
    action: Literal["promote", "freeze"],
) -> None:
    after = promote("d", C) if action == "promote" else repeated("freeze", B, C)
    ledger = folded(*numbered(A, B, C), version(4, after, BOB), trust=REVOKED)
    assert numbers(ledger) == [1, 2, 3, 4]
    assert ledger.in_doubt
    with pytest.raises(VerificationError, match=r"version 3: promote .* signed past its key's"):
        _ = ledger.head


def test_a_rollback_by_another_trusted_key_ends_an_overrun() -> None:
    back = rollback(B, C)
    ledger = folded(*numbered(A, B, C), version(4, back, BOB), trust=REVOKED)
    assert head(ledger) == back
    assert not ledger.in_doubt
    assert numbers(ledger) == [1, 2, 3, 4]


def test_after_the_rollback_that_ended_an_overrun_promotions_count_again() -> None:
    back = rollback(B, C)
    after = promote("d", back)
    ledger = folded(
        *numbered(A, B, C), version(4, back, BOB), version(5, after, BOB), trust=REVOKED
    )
    assert head(ledger) == after


def test_a_rollback_by_the_revoked_key_ends_no_overrun() -> None:
    ledger = folded(*numbered(A, B, C, rollback(B, C)), trust=REVOKED)
    with pytest.raises(VerificationError, match="signed past its key's last sequence"):
        _ = ledger.head


def test_a_rollback_to_an_overruns_files_is_void() -> None:
    ledger = folded(*numbered(A, B, C), version(4, rollback(C, C), BOB), trust=REVOKED)
    assert kinds(ledger) == {4: "void"}
    assert ledger.findings[0].reason == "it rolls back to files that were never in force"


def test_past_its_keys_last_sequence_a_freeze_counts_and_an_unfreeze_does_not() -> None:
    freeze = repeated("freeze", B, B)
    back = rollback(A, freeze)
    ledger = folded(*numbered(A, B, freeze), version(4, back, BOB), trust=REVOKED)
    assert (head(ledger), ledger.frozen) == (back, True)

    freeze = repeated("freeze", A, A)
    unfreeze = repeated("unfreeze", A, freeze)
    back = rollback(A, unfreeze)
    ledger = folded(*numbered(A, freeze, unfreeze), version(4, back, BOB), trust=REVOKED)
    assert (head(ledger), ledger.frozen) == (back, True)


def test_a_freeze_leaves_the_model_in_force() -> None:
    ledger = folded(*numbered(A, B, FREEZE))
    assert ledger.frozen
    assert head(ledger) == B
    assert ledger.tip == ledger.chain[2]


def test_while_frozen_a_promotion_is_void() -> None:
    ledger = folded(*numbered(A, B, FREEZE, promote("c", FREEZE)))
    assert head(ledger) == B
    assert str(ledger.findings[0]) == "version 4 is void: the ledger is frozen"


def test_an_entry_after_a_void_promotion_breaks_the_chain() -> None:
    void = promote("c", FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, void, promote("d", void)))
    assert kinds(ledger) == {4: "void", 5: "broken"}


def test_after_an_unfreeze_a_promotion_counts_again() -> None:
    unfreeze = repeated("unfreeze", B, FREEZE)
    after = promote("c", unfreeze)
    ledger = folded(*numbered(A, B, FREEZE, promote("d", FREEZE), unfreeze, after))
    assert numbers(ledger) == [1, 2, 3, 5, 6]
    assert (head(ledger), ledger.frozen) == (after, False)


def test_while_frozen_a_rollback_counts_and_leaves_the_ledger_frozen() -> None:
    back = rollback(A, FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, back, promote("c", back)))
    assert (head(ledger), ledger.frozen) == (back, True)
    assert str(ledger.findings[0]) == "version 5 is void: the ledger is frozen"


def test_one_unfreeze_ends_a_repeated_freeze() -> None:
    again = repeated("freeze", B, FREEZE)
    ledger = folded(*numbered(A, B, FREEZE, again, repeated("unfreeze", B, again)))
    assert numbers(ledger) == [1, 2, 3, 4, 5]
    assert (head(ledger), ledger.frozen) == (B, False)


def test_a_freeze_after_a_rollback_repeats_the_rollback() -> None:
    back = rollback(A, B)
    assert folded(*numbered(A, B, back, repeated("freeze", A, back))).frozen
    ledger = folded(*numbered(A, B, back, repeated("freeze", B, back)))
    assert (kinds(ledger), ledger.frozen) == ({4: "void"}, False)


@pytest.mark.parametrize(
    "other",
    [
        repeated("freeze", A, B),
        repeated("freeze", promote("d"), B),
        promote("b", B, action="freeze", source="mlflow-artifacts:/1/evil"),
    ],
    ids=["earlier files", "unknown files", "another address"],
)
def test_a_freeze_that_does_not_repeat_the_entry_in_force_is_void(other: Statement) -> None:
    ledger = folded(*numbered(A, B, other))
    assert not ledger.frozen
    assert str(ledger.findings[0]) == (
        "version 3 is void: its action is freeze, but it does not repeat the entry in force"
    )


def test_an_unfreeze_that_does_not_repeat_the_entry_in_force_is_void() -> None:
    ledger = folded(*numbered(A, B, FREEZE, repeated("unfreeze", A, FREEZE)))
    assert ledger.frozen
    assert str(ledger.findings[0]) == (
        "version 4 is void: its action is unfreeze, but it does not repeat the entry in force"
    )


@pytest.mark.parametrize("action", ["freeze", "unfreeze"])
def test_neither_freeze_nor_unfreeze_can_be_the_first_entry(action: str) -> None:
    ledger = folded(version(1, promote("a", action=action)))
    assert (ledger.head, ledger.frozen) == (None, False)
    assert kinds(ledger) == {1: "void"}


def many_entries(count: int) -> list[Version]:
    """Promotions of four models in turn, with a freeze, an unfreeze and a rollback in each ten."""
    versions = [version(1, A)]
    tip, inside = A, A
    for sequence in range(2, count + 1):
        match sequence % 10:
            case 7:
                tip = repeated("freeze", inside, tip)
            case 8:
                tip = repeated("unfreeze", inside, tip)
            case 9:
                tip = inside = rollback(A, tip)
            case _:
                tip = inside = promote("abcd"[sequence % 4], tip)
        versions.append(version(sequence, tip))
    return versions


def calls_of_a_fold(versions: list[Version]) -> Counter[str]:
    """The number of calls of each Python function while these versions are folded."""
    with cProfile.Profile() as profile:
        ledger = folded(*versions)
    assert numbers(ledger) == [one.number for one in versions]
    assert ledger.findings == ()
    calls: Counter[str] = Counter()
    for function in profile.getstats():
        if isinstance(function.code, CodeType):
            calls[function.code.co_name] += function.callcount
    return calls


def test_two_thousand_entries_fold_and_each_is_digested_a_few_times_only() -> None:
    assert calls_of_a_fold(many_entries(2000))["payload"] <= 3 * 2000


def new_models_and_rollbacks(count: int) -> list[Version]:
    """A rollback to each new model right after it: of all that were in force, it is the last."""
    tip = promote("a", source="mlflow-artifacts:/1/0")
    versions = [version(1, tip)]
    for number in range(2, count, 2):
        new = promote("b", tip, source=f"mlflow-artifacts:/1/{number}")
        tip = promote("b", new, action="rollback", source=new.entry.source)
        versions += [version(number, new), version(number + 1, tip)]
    return versions


def test_a_ledger_of_twice_the_length_takes_twice_the_calls() -> None:
    short, long = new_models_and_rollbacks(302), new_models_and_rollbacks(602)
    assert (len(short), len(long)) == (301, 601)
    assert calls_of_a_fold(long).total() < 2.1 * calls_of_a_fold(short).total()


# A chain with a race, a repetition and a rollback in it, and gaps for garbage between its numbers.
EVENTFUL = [
    version(10, A),
    version(20, B),
    version(30, promote("d", A)),
    version(40, A),
    version(50, C),
    version(60, rollback(A, C)),
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
almost_envelopes = st.fixed_dictionaries(
    {
        "payload": st.sampled_from(["", "e30=", "AAAA"]) | json_values,
        "payloadType": st.just(PAYLOAD_TYPE) | json_values,
        "signatures": st.lists(
            st.fixed_dictionaries(
                {
                    "keyid": st.just(ALICE.public_key.keyid) | json_values,
                    "sig": st.just("AAAA") | json_values,
                }
            )
            | json_values,
            max_size=2,
        )
        | json_values,
    }
)
untrusted = CryptoSigner.generate_ecdsa()
garbage = st.builds(
    Version,
    number=st.integers(1, 99).filter(lambda number: number % 10 != 0),
    source=st.sampled_from([A.entry.source, C.entry.source, ""]),
    envelope=st.none()
    | st.text()
    | (json_values | almost_envelopes).map(json.dumps)
    | st.sampled_from(
        [
            sign(promote("e", C), untrusted),
            sign(promote("e", C, ledger_id="another"), ALICE),
            envelope(C.payload(), ALICE, untrusted),
            envelope(promote("e", C).payload() + b" ", ALICE),
        ]
    ),
)


@given(st.permutations(EVENTFUL))
@settings(deadline=None, max_examples=50)
def test_any_order_of_listing_gives_the_same_ledger(versions: list[Version]) -> None:
    ledger = fold(versions, TRUST)
    assert ledger == fold(EVENTFUL, TRUST)
    assert numbers(ledger) == [10, 20, 50, 60]


@given(st.lists(garbage, max_size=6))
@settings(deadline=None, max_examples=200)
def test_garbage_changes_neither_chain_nor_head_and_each_piece_is_reported(
    versions: list[Version],
) -> None:
    clean, ledger = fold(EVENTFUL, TRUST), fold([*versions, *EVENTFUL], TRUST)
    assert ledger.chain == clean.chain
    assert ledger.head == clean.head
    assert len(ledger.findings) == len(clean.findings) + len(versions)


@given(st.sets(st.sampled_from(range(3)), min_size=1))
def test_without_a_remembered_tip_only_entries_deleted_from_the_end_go_unnoticed(
    deleted: set[int],
) -> None:
    entries = numbered(A, B, C)
    ledger = fold([entry for place, entry in enumerate(entries) if place not in deleted], TRUST)
    left = 3 - len(deleted)
    if deleted == set(range(left, 3)):
        assert numbers(ledger) == list(range(1, left + 1))
    else:
        with pytest.raises(VerificationError, match="the ledger is broken"):
            _ = ledger.head

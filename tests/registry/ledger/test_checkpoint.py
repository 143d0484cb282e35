"""The end of the ledger from its newest versions: when they prove it, and attacks on that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from registry.ledger.chain import Finding, Ledger, Link, Version
from registry.ledger.checkpoint import checkpoint_after, false_checkpoints, fold_end
from registry.ledger.fold import fold, open_version
from registry.ledger.statement import Checkpoint, Statement
from registry.ledger.trust import Trust
from tests.registry.entries import (
    ALICE,
    BOB,
    LEDGER_ID,
    TRUST,
    A,
    B,
    C,
    folded,
    numbered,
    promote,
    trusted,
    version,
)

BOTH = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE), trusted(BOB)))
WITHOUT_ALICE = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=6), trusted(BOB)))
PAGE = 4


def following(
    versions: Iterable[Version], letter: str, trust: Trust = BOTH, **changes: Any
) -> Statement:
    """The statement of an honest signer who has read these versions."""
    ledger = fold(versions, trust)
    tip = ledger.tip.statement if ledger.tip else None
    return promote(letter, tip, **{"checkpoint": checkpoint_after(ledger), **changes})


def add(
    versions: list[Version],
    letter: str,
    signer: CryptoSigner = ALICE,
    trust: Trust = BOTH,
    **changes: Any,
) -> None:
    number = versions[-1].number + 1 if versions else 1
    versions.append(version(number, following(versions, letter, trust, **changes), signer))


def copy(versions: list[Version], *numbers: int) -> None:
    """Append copies of versions, as anybody can."""
    by_number = {one.number: one for one in versions}
    for number in numbers:
        one = by_number[number]
        versions.append(Version(versions[-1].number + 1, one.source, one.envelope))


def garbage(versions: list[Version], count: int) -> None:
    for _ in range(count):
        versions.append(Version(versions[-1].number + 1, "", None))


def of_model(letter: str) -> dict[str, Any]:
    """The changes by which an entry repeats the source of a model."""
    return {"source": promote(letter).entry.source}


@pytest.fixture
def versions() -> list[Version]:
    """Six promotions by Alice."""
    listed: list[Version] = []
    for letter in "abcdef":
        add(listed, letter)
    return listed


def opened(versions: Iterable[Version], trust: Trust) -> list[Link | Finding]:
    keys = trust.public_keys()
    return [open_version(one, trust, keys) for one in versions]


def end(
    versions: list[Version], trust: Trust = BOTH, page: int = PAGE, digests: Iterable[str] = ()
) -> Ledger | None:
    return fold_end(opened(versions[-page:], trust), trust, list(digests))


def is_that_of_all(versions: list[Version], trust: Trust = BOTH, page: int = PAGE) -> bool:
    """Whether the newest versions prove the same as all."""
    short, ledger = end(versions, trust, page), fold(versions, trust)
    assert short
    return (short.tip, short.head, short.frozen) == (ledger.tip, ledger.head, ledger.frozen)


def test_a_checkpoint_names_the_predecessors_version_the_state_and_the_keys_sequences() -> None:
    assert checkpoint_after(folded()) is None
    frozen = promote("b", B, action="freeze", source=B.entry.source)
    listed = [version(1, A), version(4, B, BOB), version(9, frozen), version(10, frozen)]
    assert checkpoint_after(fold(listed, BOTH)) == Checkpoint(
        version=9,
        frozen=True,
        keys={ALICE.public_key.keyid: (1, 3), BOB.public_key.keyid: (2, 2)},
    )


def test_the_newest_versions_prove_tip_and_head(versions: list[Version]) -> None:
    assert is_that_of_all(versions)
    short = end(versions)
    assert short
    assert [link.version for link in short.chain] == [3, 4, 5, 6]


def test_entries_without_a_checkpoint_prove_nothing_until_one_with_it_follows() -> None:
    listed = numbered(A, B, C)
    assert end(listed, page=2) is None
    add(listed, "d")
    assert is_that_of_all(listed, page=2)


def test_an_older_writers_entry_after_a_checkpoint_is_followed(versions: list[Version]) -> None:
    add(versions, "a", checkpoint=None)
    assert is_that_of_all(versions)


def test_a_plan_is_the_tip_and_not_the_head(versions: list[Version]) -> None:
    add(versions, "a", action="plan", source="mlflow-artifacts:/1/plan")
    assert is_that_of_all(versions)
    for _ in range(PAGE):
        add(versions, "a", action="plan", source="mlflow-artifacts:/1/plan")
    assert end(versions) is None


def test_a_freeze_is_seen_also_from_before_the_newest_versions(versions: list[Version]) -> None:
    add(versions, "f", action="freeze", **of_model("f"))
    assert is_that_of_all(versions, page=6)
    for letter in "feffe":
        add(versions, letter, action="rollback", **of_model(letter))
        assert is_that_of_all(versions, page=6)
    short = end(versions, page=6)
    assert short
    assert short.frozen
    add(versions, "e")
    assert fold(versions, BOTH).findings[-1].reason == "the ledger is frozen"
    assert end(versions, page=6) is None


def test_a_rollback_to_a_model_that_is_not_among_them_needs_all(versions: list[Version]) -> None:
    add(versions, "e", action="rollback", **of_model("e"))
    assert is_that_of_all(versions)
    add(versions, "a", action="rollback", **of_model("a"))
    assert end(versions) is None


def test_what_has_lost_a_race_or_is_no_entry_is_passed_over(versions: list[Version]) -> None:
    losers = [following(versions, letter) for letter in "ab"]
    add(versions, "d")
    versions += [version(8, losers[0]), version(9, losers[1], BOB)]
    assert is_that_of_all(versions)
    garbage(versions, 1)
    assert is_that_of_all(versions, page=PAGE + 1)


def test_a_lost_entry_does_not_win_over_an_earlier_sibling(versions: list[Version]) -> None:
    late = following(versions, "c")
    add(versions, "d", BOB)
    versions.append(version(8, late))
    short = end(versions, page=3)
    assert short
    assert short.tip
    assert short.tip.version == 7


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, 60])
def test_versions_that_are_no_entries_cost_time_only(versions: list[Version], count: int) -> None:
    garbage(versions, count)
    assert end(versions) is None


@pytest.mark.parametrize("numbers", [(2, 3), (3, 4), (1, 2, 3, 4), (5, 6), (2, 3, 4, 5)])
@pytest.mark.parametrize("page", [2, PAGE, 8])
def test_copies_of_old_entries_at_the_end_make_no_downgrade(
    versions: list[Version], numbers: tuple[int, ...], page: int
) -> None:
    copy(versions, *numbers)
    assert end(versions, page=page) is None or is_that_of_all(versions, page=page)


def test_a_copied_pair_is_refused_although_the_newest_entries_are_deleted(
    versions: list[Version],
) -> None:
    copy(versions, 2, 3)
    assert end(versions[:2] + versions[-2:], page=2) is None


def test_an_entry_that_was_deleted_and_appended_again_needs_all_until_another_follows(
    versions: list[Version],
) -> None:
    copy(versions, 3)
    del versions[2]
    assert end(versions) is None
    add(versions, "d")
    assert end(versions) is None
    for letter in "abc":
        add(versions, letter)
    assert is_that_of_all(versions)


@pytest.mark.parametrize("deleted", [3, 4])
def test_an_entry_missing_among_the_newest_needs_all(versions: list[Version], deleted: int) -> None:
    del versions[deleted]
    assert end(versions) is None


def test_only_a_key_in_use_vouches_for_what_was_before(versions: list[Version]) -> None:
    assert end(versions, WITHOUT_ALICE) is None
    add(versions, "a", BOB)
    assert is_that_of_all(versions, WITHOUT_ALICE)
    short = end(versions, WITHOUT_ALICE)
    assert short
    assert [link.version for link in short.chain] == [4, 5, 6, 7]


def test_an_ended_key_cannot_make_up_an_end(versions: list[Version]) -> None:
    """Alice's stolen key signs a pair whose sequences are within its range."""
    forged = promote("a", versions_of(versions)[3])
    seen = Checkpoint(version=7, frozen=False, keys={ALICE.public_key.keyid: (1, 5)})
    pair = version(7, forged), version(8, promote("b", forged, checkpoint=seen))
    assert end([*versions, *pair], WITHOUT_ALICE, page=2) is None
    assert fold([*versions, *pair], WITHOUT_ALICE).breaks


def versions_of(versions: list[Version]) -> list[Statement]:
    return [link.statement for link in fold(versions, BOTH).chain]


def test_an_entry_past_its_keys_last_sequence_needs_all(versions: list[Version]) -> None:
    add(versions, "a", BOB)
    add(versions, "b", ALICE)
    assert end(versions, WITHOUT_ALICE) is None


def test_an_overrun_before_the_newest_versions_needs_all(versions: list[Version]) -> None:
    add(versions, "a", ALICE)
    for letter in "abcdef":
        add(versions, letter, BOB)
    assert is_that_of_all(versions)
    assert end(versions, WITHOUT_ALICE) is None


@pytest.mark.parametrize(
    "keys",
    [(trusted(BOB),), (trusted(ALICE, first=2), trusted(BOB))],
    ids=["removed", "not yet allowed"],
)
def test_a_key_that_is_not_trusted_for_all_that_it_signed_needs_all(
    versions: list[Version], keys: Any
) -> None:
    for letter in "abcdef":
        add(versions, letter, BOB)
    trust = Trust(ledger_id=LEDGER_ID, keys=keys)
    assert end(versions, trust) is None
    assert fold(versions, trust).breaks


def test_what_the_reader_remembers_must_be_among_the_newest(versions: list[Version]) -> None:
    digests = [statement.digest for statement in versions_of(versions)]
    assert end(versions, digests=[digests[5], digests[2]])
    assert end(versions, digests=[digests[5], digests[1]]) is None
    assert end(versions[:-1], digests=[digests[5]]) is None


@pytest.mark.parametrize("reason", ["source", "sequence"])
def test_a_void_entry_is_never_the_end(versions: list[Version], reason: str) -> None:
    changes: dict[str, Any] = {"sequence": 9} if reason == "sequence" else {}
    add(versions, "a", BOB, **changes)
    if reason == "source":
        versions[-1] = Version(7, "s3://elsewhere", versions[-1].envelope)
    assert end(versions) is None or is_that_of_all(versions)


@pytest.mark.parametrize(
    ("false", "named"),
    [({}, []), ({"version": 3}, []), ({"frozen": True}, [7]), ({"keys": {}}, [7])],
    ids=str,
)
def test_a_reader_of_all_names_entries_with_a_false_checkpoint(
    versions: list[Version], false: dict[str, Any], named: list[int]
) -> None:
    true = checkpoint_after(fold(versions, BOTH))
    assert true
    add(versions, "a", BOB, checkpoint=true.model_copy(update=false))
    add(versions, "b", ALICE, checkpoint=None)
    add(versions, "c", BOB)
    assert [link.version for link in false_checkpoints(fold(versions, BOTH))] == named


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc")),
        st.tuples(st.just("rollback"), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["freeze", "unfreeze", "race", "plan"]), st.just("b")),
        st.tuples(st.sampled_from(["copy", "delete last", "erase"]), st.integers(1, 6)),
    ),
    min_size=6,
    max_size=14,
)


@given(STEPS, st.integers(2, 6))
@settings(deadline=None, max_examples=30)
def test_whatever_is_done_without_a_key_the_newest_versions_prove_what_all_do_or_nothing(
    steps: list[tuple[str, Any]], page: int
) -> None:
    listed: list[Version] = []
    add(listed, "a")
    for step, value in steps:
        tip = folded(*listed, trust=TRUST)
        if step == "copy":
            copy(listed, listed[-min(value, len(listed))].number)
        elif step == "erase":
            at = -min(value, len(listed))
            listed[at] = Version(listed[at].number, listed[at].source, None)
        elif step == "delete last":
            # MLflow uses the number again only where the model is made anew.
            garbage(listed, 1)
            del listed[-2:-1]
        elif tip.breaks:
            return
        else:
            kind = "promote" if step in ("add", "race") else step
            lost = following(listed, "c", TRUST)
            add(listed, value, trust=TRUST, action=kind, **of_model(value))
            if step == "race":
                listed.append(version(listed[-1].number + 1, lost))
    ledger = fold(listed, TRUST)
    short = end(listed, TRUST, page)
    if short and not ledger.breaks:
        assert (short.tip, short.head, short.frozen) == (ledger.tip, ledger.head, ledger.frozen)

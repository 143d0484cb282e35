"""The tip that a reader remembers, and the ledgers that it then refuses."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import UsageError, VerificationError
from registry.ledger.chain import Ledger
from registry.ledger.statement import Statement
from registry.ledger.tip import Tip, read_tip, write_tip
from tests.registry.entries import LEDGER_ID, A, B, C, folded, numbered, promote, version

SECOND_TIP = Tip(LEDGER_ID, 2, B.digest)

tips = st.builds(
    Tip,
    ledger_id=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1),
    sequence=st.integers(1, 10**18 - 1),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
)


def ledger_of(*statements: Statement) -> Ledger:
    return folded(*numbered(*statements))


@given(tips, st.sampled_from(["", " ", "\n"]))
def test_a_printed_tip_can_be_parsed(tip: Tip, around: str) -> None:
    assert Tip.parse(f"{around}{tip}{around}") == tip


@given(st.text())
def test_any_text_is_a_tip_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert str(Tip.parse(text)) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ledger",
        f":1:{'a' * 64}",
        f"ledger:0:{'a' * 64}",
        f"ledger:01:{'a' * 64}",
        f"ledger:-1:{'a' * 64}",
        f"ledger:1:{'a' * 63}",
        f"ledger:1:{'A' * 64}",
        f"ledger:{'9' * 5000}:{'a' * 64}",
        f"ledger:\N{ARABIC-INDIC DIGIT ONE}:{'a' * 64}",
        f"one\nother:1:{'a' * 64}",
    ],
)
def test_an_invalid_tip_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="copy the tip that `registry status` prints") as refusal:
        Tip.parse(text)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_tip_has_three_parts_with_colons_between_them() -> None:
    assert str(SECOND_TIP) == f"11111111-2222-3333-4444-555555555555:2:{B.digest}"
    assert Tip.parse(f"with:colons:7:{'a' * 64}") == Tip("with:colons", 7, "a" * 64)


def test_the_tip_of_a_ledger_is_its_last_entry() -> None:
    assert Tip.of(ledger_of()) is None
    assert Tip.of(ledger_of(A)) == Tip(LEDGER_ID, 1, A.digest)
    assert Tip.of(ledger_of(A, B)) == SECOND_TIP


@pytest.mark.parametrize("statements", [(A, B), (A, B, C)])
def test_a_ledger_that_still_holds_the_entry_is_accepted(
    statements: tuple[Statement, ...],
) -> None:
    SECOND_TIP.require(ledger_of(*statements))


def test_an_entry_that_was_appended_again_is_still_the_same_entry() -> None:
    SECOND_TIP.require(folded(version(1, A), version(5, B)))


@pytest.mark.parametrize(
    ("ledger", "now"),
    [
        (ledger_of(), "now it has no entry."),
        (
            ledger_of(A),
            "now it ends with entry 1 (version 1: promote of candidate 4 by github:alice).",
        ),
        (
            ledger_of(A, promote("d", A)),
            f"now its entry 2 is {promote('d', A).digest[:12]} "
            "(version 2: promote of candidate 4 by github:alice).",
        ),
        (
            ledger_of(B),
            f"now it has no entry, and version 1 is broken: it follows {A.digest}, which is "
            "not in the chain.",
        ),
    ],
    ids=["emptied", "shorter", "replaced", "broken"],
)
def test_a_ledger_that_lost_the_entry_is_refused(ledger: Ledger, now: str) -> None:
    with pytest.raises(VerificationError) as refusal:
        SECOND_TIP.require(ledger)
    message = str(refusal.value)
    assert message.startswith(
        "the ledger does not extend the remembered tip: entry 2 of ledger "
        f"11111111-2222-3333-4444-555555555555 was {B.digest[:12]}; now "
    )
    assert now in message
    assert "append them again from a backup, in the original order" in message


@pytest.mark.parametrize("sequence", [1, 2])
def test_another_ledger_is_named(sequence: int) -> None:
    message = f"now this is ledger {LEDGER_ID}"
    with pytest.raises(VerificationError, match=message):
        Tip("another", sequence, "a" * 64).require(ledger_of(A))


def test_without_a_file_there_is_no_tip(tmp_path: Path) -> None:
    assert read_tip(tmp_path / "tip") is None


def test_a_tip_is_written_and_replaced_and_no_other_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "tip"
    write_tip(path, Tip(LEDGER_ID, 1, A.digest))
    write_tip(path, SECOND_TIP)
    assert read_tip(path) == SECOND_TIP
    assert path.read_text() == f"{SECOND_TIP}\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ledger:1:abc\n", b"\0" * 100])
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tip"
    path.write_bytes(content)
    with pytest.raises(VerificationError, match="tip is damaged: it holds no tip of a ledger; "):
        read_tip(path)
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        read_tip(tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path}/no/tip: No such file")):
        write_tip(tmp_path / "no" / "tip", SECOND_TIP)

"""One spelling for each identity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import UsageError
from registry.provenance.identity import checked_identity, identity_of, realm_of


@pytest.mark.parametrize(
    "identity", ["github:alice", "git:alice@example.com", "os:alice", "github:dependabot[bot]"]
)
def test_an_identity_in_its_one_spelling_is_taken(identity: str) -> None:
    assert checked_identity(identity) == identity


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("github:carol ", "holds a blank"),
        (" github:carol", "holds a blank"),
        ("github:ca\u00a0rol", "holds a blank"),
        ("github:carol\n", "holds a blank"),
        ("github:Carol", "write github:carol"),
        ("github:c\u0430rol", "not ASCII"),
        ("github:carol\u200b", "not ASCII"),
        ("github:\u202elorac", "not ASCII"),
        ("github:", "is not realm:name"),
        ("GITHUB:carol", "is not realm:name"),
        ("carol", "is not realm:name"),
        ("", "is not realm:name"),
        ("github:carol\x7f", "is not realm:name"),
    ],
)
def test_any_other_spelling_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        checked_identity(text)


def test_an_account_that_a_system_named_is_brought_to_its_spelling() -> None:
    assert identity_of("github", "Alice") == "github:alice"
    assert realm_of("git:alice@example.com") == "git"


@given(st.text(), st.text())
def test_two_accepted_texts_that_differ_are_no_two_spellings_of_one(one: str, other: str) -> None:
    for text in (one, other):
        try:
            checked_identity(text)
        except UsageError:
            return
    assert one == other or one.casefold().strip() != other.casefold().strip()

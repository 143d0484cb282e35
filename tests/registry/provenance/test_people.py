"""Which identities are one person's."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from registry.provenance.people import People

PEOPLE = People({"alice": ("github:alice", "git:alice@example.com"), "bob": ("os:bob",)})


def test_identities_of_one_person_are_the_same() -> None:
    assert PEOPLE.same("github:alice", "git:alice@example.com")
    assert PEOPLE.same("github:eve", "github:eve")
    assert not PEOPLE.same("github:alice", "os:bob")
    assert not PEOPLE.same("github:eve", "os:eve")


def test_who_is_not_listed_is_nobody() -> None:
    assert PEOPLE.person("os:bob") == "bob"
    assert PEOPLE.person("github:bob") is None


@pytest.mark.parametrize(
    ("one", "others", "comparable"),
    [
        ("github:eve", ("github:alice",), True),
        ("os:bob", ("github:alice", "git:alice@example.com"), True),
        ("os:bob", ("github:alice", "git:eve@example.com"), False),
        ("os:eve", ("github:alice",), False),
        ("os:bob", (), False),
    ],
)
def test_identities_can_be_told_apart_in_one_realm_or_where_all_are_known(
    one: str, others: tuple[str, ...], comparable: bool
) -> None:
    assert PEOPLE.comparable(one, others) is comparable


@pytest.mark.parametrize(
    ("people", "problem"),
    [
        ({"a": ["github:x"], "b": ["github:x"]}, "github:x belongs to a and to b"),
        ({"a": ["github:X"]}, "write github:x"),
        ({"a": []}, "at least 1 item"),
        ({"a": ["x"]}, "is not realm:name"),
    ],
)
def test_a_mapping_that_is_ambiguous_is_refused(people: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        People.model_validate(people)

"""Facts in words."""

from __future__ import annotations

from registry.provenance.facts import Fact, Provenance

VERIFIED = Fact(name="commit", value="a" * 40, by="the evaluator's repository")
CLAIMED = Fact(name="authors", value="github:alice", reason="the commit is not signed")


def test_a_fact_says_who_verified_it_or_that_it_is_claimed() -> None:
    assert str(VERIFIED) == f"commit {'a' * 40} (verified by the evaluator's repository)"
    assert str(CLAIMED) == "authors github:alice (claimed: the commit is not signed)"


def test_a_provenance_finds_facts_by_name() -> None:
    provenance = Provenance((VERIFIED, CLAIMED))
    assert provenance.verified("commit")
    assert not provenance.verified("authors")
    assert not provenance.verified("data")
    assert (provenance.value("authors"), provenance.value("data")) == ("github:alice", "")
    assert provenance.claimed == ("authors",)

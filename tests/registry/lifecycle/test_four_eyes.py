"""Who may approve: people are compared, and not only with the authors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from registry.errors import Refused
from registry.lifecycle.approval import Approval
from registry.lifecycle.four_eyes import choose, parties
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.rollback import rollback
from registry.provenance.people import People
from tests.world import POLICY, World

AUTHORS = ("git:carol@example.com", "github:carol")
NOBODY = People()


def chosen(
    *approvers: str,
    authors: tuple[str, ...] = AUTHORS,
    others: dict[str, str] | None = None,
    people: People = NOBODY,
) -> str:
    approved = tuple(Approval(approver) for approver in approvers)
    return choose(approved, authors, others or {}, people).approver


def test_an_approver_who_is_not_an_author_counts() -> None:
    assert chosen("github:alice") == "github:alice"


@pytest.mark.parametrize("author", ["github:carol", "git:carol@example.com"])
def test_an_author_may_not_approve(author: str) -> None:
    with pytest.raises(Refused, match=f"four eyes: {author} is an author"):
        chosen(author)


def test_an_author_may_not_approve_under_another_account_of_theirs() -> None:
    people = People({"carol": ("github:carol", "github:carol-private")})
    with pytest.raises(Refused, match="github:carol-private, who is github:carol, is an author"):
        chosen("github:carol-private", people=people)


def test_an_approver_of_another_realm_may_be_an_author() -> None:
    with pytest.raises(Refused, match="os:alice has no realm in common with the authors"):
        chosen("os:alice")


def test_an_approver_of_another_realm_counts_where_everyone_is_known() -> None:
    people = People({"alice": ("os:alice",), "carol": ("github:carol", "git:carol@example.com")})
    assert chosen("os:alice", people=people) == "os:alice"


def test_an_approver_of_another_realm_does_not_count_where_an_author_is_unknown() -> None:
    people = People({"alice": ("os:alice",), "carol": ("github:carol",)})
    with pytest.raises(Refused, match="os:alice has no realm in common"):
        chosen("os:alice", people=people)


def test_without_recorded_authors_four_eyes_refuses() -> None:
    with pytest.raises(Refused, match=r"has no realm in common with the authors \(not recorded\)"):
        chosen("github:alice", authors=())


def test_of_several_approvals_the_first_that_is_not_by_an_author_counts() -> None:
    assert chosen("github:carol", "github:bob", "github:alice") == "github:bob"


def test_whoever_has_another_part_in_it_may_not_approve() -> None:
    people = People({"bob": ("github:bob", "git:bob@example.com")})
    others = {"git:bob@example.com": "changed policy.yaml"}
    with pytest.raises(Refused, match=r"github:bob changed policy\.yaml"):
        chosen("github:bob", others=others, people=people)


def test_who_rolled_back_or_froze_since_the_last_promotion_has_a_part_in_it(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.4)
    assert parties(world.ledger, POLICY) == {}

    client, trust, signer = world.client, world.trust, world.signer
    rollback(client, trust, signer, 1, Approval("github:bob", "false alerts"))
    set_frozen(client, trust, signer, "freeze", Approval("github:dave", "holidays"))

    assert parties(world.ledger, POLICY) == {
        "github:dave": "froze the ledger in entry 4",
        "github:bob": "rolled back in entry 3",
    }


def test_who_changed_the_policy_since_the_last_promotion_has_a_part_in_it(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "policies" / "policy.yaml"
    path.parent.mkdir()
    git(path.parent, "init", "--quiet")
    commit(path, POLICY.read_text(), "alice@example.com")
    reference, _ = world.evaluate(world.register(), path)
    world.promote(reference, policy=path)
    assert parties(world.ledger, path) == {}

    commit(path, POLICY.read_text().replace("0.5", "0.1"), "Bob@example.com")

    assert parties(world.ledger, path) == {"git:bob@example.com": "changed policy.yaml"}


def test_a_changed_policy_in_no_checkout_is_warned_of(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.read_text())
    reference, _ = world.evaluate(world.register(), path)
    world.promote(reference, policy=path)
    assert parties(world.ledger, path) == {}
    assert "four eyes" not in capsys.readouterr().err

    path.write_text(POLICY.read_text().replace("0.5", "0.1"))

    assert parties(world.ledger, path) == {}
    assert "who changed it is not known, and may be the approver" in capsys.readouterr().err


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def commit(path: Path, content: str, author: str) -> None:
    path.write_text(content)
    git(path.parent, "add", path.name)
    identity = ("-c", "user.name=Somebody", "-c", f"user.email={author}")
    git(path.parent, *identity, "commit", "--quiet", "--message", "change")

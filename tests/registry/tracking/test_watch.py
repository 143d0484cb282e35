"""Following the ledger: what each look asks a real server for, and what it notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.errors import VerificationError
from registry.ledger.chain import Finding, Ledger, Link, Version
from registry.ledger.checkpoint import checkpoint_after
from registry.ledger.fold import fold, open_version
from registry.ledger.keys import with_last
from registry.ledger.signing import Key
from registry.ledger.statement import Statement, sign
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust
from registry.tracking import rest, watch
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from registry.tracking.rest import VERSIONS_PER_PAGE, Registry
from registry.tracking.watch import LOOKS_PER_PAGE, Watch, look_at_end
from tests.registry.entries import ALICE, TRUST, folded, numbered, promote
from tests.world import World

# MLflow takes a source in its own store only together with the run that made it.
A = promote("a", source="s3://models/a")
B = promote("b", A, source="s3://models/b")
C = promote("c", B, source="s3://models/c")


class Counted(Registry):
    """A registry that notes the number from which it was asked to list, and what it listed."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.asked: list[int] = []
        self.listed: list[int] = []

    def versions(self, first: int = 1, page: int = VERSIONS_PER_PAGE) -> Iterator[Version]:
        self.asked.append(first)
        for version in super().versions(first, page):
            self.listed.append(version.number)
            yield version

    def since(self) -> tuple[list[int], list[int]]:
        """What was asked and listed since the last call."""
        noted = self.asked, self.listed
        self.asked, self.listed = [], []
        return noted


def append(world: World, statement: Statement, tags: dict[str, str] | None = None) -> None:
    tags = {STATEMENT_TAG: sign(statement, ALICE)} if tags is None else tags
    world.client.create_model_version(PRODUCTION, statement.entry.source, tags=tags)


def edit(world: World, number: int) -> None:
    """Another statement of the same key, so that only its place in the chain is wrong."""
    envelope = sign(promote("d", A, source=A.entry.source), ALICE)
    world.client.set_model_version_tag(PRODUCTION, str(number), STATEMENT_TAG, envelope)


def numbers(ledger: Ledger) -> list[int]:
    return [link.version for link in ledger.chain]


@pytest.fixture
def registry(world: World, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """A ledger of three entries."""
    monkeypatch.setattr("random.uniform", lambda _, end: end)
    world.client.create_registered_model(PRODUCTION)
    for statement in (A, B, C):
        append(world, statement)
    return Counted(world.server.uri)


def test_a_look_that_finds_nothing_new_lists_one_version_and_returns_the_same_ledger(
    registry: Counted,
) -> None:
    one = Watch(registry)
    ledger = one.look(TRUST)
    assert numbers(ledger) == [1, 2, 3]
    assert registry.since() == ([1], [1, 2, 3])
    for _ in range(3):
        assert one.look(TRUST) is ledger
        assert registry.since() == ([3], [3])


def test_what_was_appended_is_noticed_by_the_next_look(world: World, registry: Counted) -> None:
    one = Watch(registry)
    one.look(TRUST)
    registry.since()
    append(world, promote("d", C, source="s3://models/d"))
    append(world, promote("e", C, source="s3://models/e"))
    ledger = one.look(TRUST)
    assert ledger == fold(Registry(world.server.uri).versions(), TRUST)
    assert (numbers(ledger), [found.kind for found in ledger.findings]) == ([1, 2, 3, 4], ["lost"])
    assert registry.since() == ([3], [3, 4, 5])
    assert one.look(TRUST) is ledger
    assert registry.since() == ([5], [5])


@pytest.mark.parametrize("change", ["deleted", "edited"])
def test_a_change_of_the_newest_version_is_noticed_by_the_next_look(
    world: World, registry: Counted, change: str
) -> None:
    one = Watch(registry)
    one.look(TRUST)
    if change == "deleted":
        world.client.delete_model_version(PRODUCTION, "3")
    else:
        edit(world, 3)
    assert numbers(one.look(TRUST)) == [1, 2]


def test_a_look_at_an_emptied_ledger_notices_it(world: World, registry: Counted) -> None:
    one = Watch(registry)
    one.look(TRUST)
    world.client.delete_registered_model(PRODUCTION)
    assert numbers(one.look(TRUST)) == []
    world.client.create_registered_model(PRODUCTION)
    append(world, A)
    assert numbers(one.look(TRUST)) == [1]


def looks_until_broken(one: Watch) -> int:
    """The number of looks that notice nothing before one does."""
    for count in range(100):
        if one.look(TRUST).breaks:
            return count
    raise AssertionError("no look noticed it")


@pytest.mark.parametrize("change", ["deleted", "edited"])
def test_a_change_of_an_older_version_is_noticed_when_all_is_read_again(
    world: World, registry: Counted, change: str
) -> None:
    one = Watch(registry)
    one.look(TRUST)
    if change == "deleted":
        world.client.delete_model_version(PRODUCTION, "2")
    else:
        edit(world, 2)
    assert looks_until_broken(one) == LOOKS_PER_PAGE == 20


def test_all_is_read_again_after_a_day_however_long_the_ledger_is(
    world: World, registry: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watch.MAX_SECONDS == 86_400
    monkeypatch.setattr(watch, "MAX_SECONDS", 0.0)
    one = Watch(registry)
    one.look(TRUST)
    world.client.delete_model_version(PRODUCTION, "2")
    assert looks_until_broken(one) == 0


def test_other_keys_are_applied_by_the_next_look(registry: Counted) -> None:
    one = Watch(registry)
    assert one.look(TRUST).head
    revoked = with_last(TRUST, TRUST.keys[0], 2, revoked=True)
    with pytest.raises(VerificationError, match="signed past its key's last sequence"):
        _ = one.look(revoked).head
    assert one.look(TRUST).head


def test_a_signature_is_verified_once_also_where_all_is_read_again(
    world: World, registry: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []

    def noted(version: Version, trust: Trust, keys: list[Key]) -> Link | Finding:
        opened.append(version.number)
        return open_version(version, trust, keys)

    monkeypatch.setattr(watch, "open_version", noted)
    monkeypatch.setattr(watch, "MAX_SECONDS", 0.0)
    one = Watch(registry)
    for _ in range(3):
        one.look(TRUST)
    append(world, promote("d", C, source="s3://models/d"))
    one.look(TRUST)
    assert opened == [1, 2, 3, 4]


def test_of_what_is_no_entry_nothing_is_kept_but_the_finding(
    world: World, registry: Counted
) -> None:
    append(world, A, {STATEMENT_TAG: "x" * 90_000})
    append(world, A)
    one = Watch(registry)
    ledger = one.look(TRUST)
    assert [found.version for found in ledger.findings] == [4, 5]
    assert [version.number for version in one.entries] == [1, 2, 3, 5]
    assert fold(one.entries, TRUST).chain == ledger.chain


def test_a_ledger_that_does_not_extend_the_floor_is_refused_at_each_look(
    world: World, registry: Counted
) -> None:
    one = Watch(registry)
    floor = TRUST.model_copy(update={"floor": Tip.of(folded(*numbered(A, B, C)))})
    assert numbers(one.look(floor)) == [1, 2, 3]
    world.client.delete_model_version(PRODUCTION, "3")
    for _ in range(2):
        with pytest.raises(VerificationError, match="does not extend the remembered tip"):
            one.look(floor)
    append(world, C)
    assert numbers(one.look(floor)) == [1, 2, 4]


def test_the_end_is_proved_by_the_newest_versions_in_one_request(
    world: World, registry: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(world, promote("d", C, source="s3://models/d", checkpoint=checkpoint_after(all_of(C))))
    assert look_at_end(registry, TRUST, ()) is None  # there are no more versions than it lists
    monkeypatch.setattr(rest, "NEWEST_VERSIONS", 2)
    end = look_at_end(registry, TRUST, ())
    assert end
    assert numbers(end) == [3, 4]
    remembered = Tip.of(all_of(C))
    assert remembered
    assert look_at_end(registry, TRUST, [remembered])
    older = Tip.of(all_of(B))
    assert look_at_end(registry, TRUST.model_copy(update={"floor": older}), ()) is None
    assert registry.since() == ([], [])
    monkeypatch.setattr(rest, "MAX_PAGE_BYTES", 100)
    assert look_at_end(registry, TRUST, ()) is None


def all_of(last: Statement) -> Ledger:
    """The ledger of the fixture up to this entry."""
    return folded(*numbered(A, B, C)[: last.entry.sequence])

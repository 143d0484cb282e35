"""Fifty promotions at once: one wins, every other one is told so, and all readers agree."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator

import pytest

from deploy.local.processes import free_port, mlflow_server
from registry.errors import Refused
from registry.ledger.chain import Ledger, Link
from registry.ledger.statement import Statement, open_envelope
from registry.lifecycle.append import approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.postgres import postgresql
from tests.registry.forked import Append, Place, Promotion, Told, all_at_once
from tests.world import POLICY, Server, World

PROCESSES, STATEMENTS = 50, 20
LOST = re.compile(
    r"Refused: (another entry was appended first: version \d+: "
    r"|Production is no longer the one that the candidate was compared with; evaluate again )"
)


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A tracking server with several workers, so that requests meet only in the database."""
    folder = tmp_path_factory.mktemp("mlflow")
    if request.param == "SQLite":
        with mlflow_server(folder, free_port(), workers=2) as uri:
            yield Server(uri, folder)
        return
    with (
        postgresql(folder / "postgresql.log") as database,
        mlflow_server(folder, free_port(), workers=2, backend_store_uri=database) as uri,
    ):
        yield Server(uri, folder)


@pytest.mark.parametrize(
    "rounds", [3, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_of_fifty_promotions_at_once_one_wins_and_every_other_is_told_that_it_lost(
    world: World, rounds: int
) -> None:
    candidate = world.register()
    for _ in range(rounds):
        before = world.ledger
        references = _kept_again(world, world.evaluate(candidate)[0], PROCESSES)
        told = all_at_once(
            _place(world),
            [
                Promotion(reference, f"github:reviewer-{number}")
                for number, reference in enumerate(references)
            ],
        )
        after = world.ledger
        assert after.chain[:-1] == before.chain
        assert {one.imported_by for one in told}.isdisjoint(one.pid for one in told)
        assert [one.ledger for one in told] == [after] * PROCESSES
        winner = after.chain[-1]
        won = str(winner.statement.entry.evidence)
        assert won in references
        for one, reference in zip(told, references, strict=True):
            link, error = _answer(world, reference, one)
            if reference == won:
                assert (link, error) == (winner, "")
            else:
                assert link is None
                assert LOST.match(error), error
    assert len(world.ledger.chain) == rounds
    _has_one_valid_successor_for_each_tip(world, world.ledger)


def test_of_twenty_statements_that_follow_the_same_tip_the_lowest_version_wins(
    world: World,
) -> None:
    tip = world.put_in_production()
    statements = [_repeated(world, f"said by process {number}") for number in range(STATEMENTS)]
    told = all_at_once(_place(world), [Append(one) for one in statements])
    ledger = world.ledger
    assert ledger.chain[0] == tip
    assert [one.version for one in ledger.chain] == [1, 2]
    assert ledger.chain[1].statement in statements
    assert [one.ledger for one in told] == [ledger] * STATEMENTS
    assert [one.link for one in told if not one.error] == [ledger.chain[1]]
    lost = [one.error for one in told if one.error]
    assert all(LOST.match(one) for one in lost), lost
    assert len(lost) == STATEMENTS - 1
    _has_one_valid_successor_for_each_tip(world, ledger)


def test_processes_that_say_the_same_statement_have_all_won_and_it_counts_once(
    world: World,
) -> None:
    world.put_in_production()
    statement = _repeated(world, "the same in every process")
    told = all_at_once(_place(world), [Append(statement)] * 10)
    ledger = world.ledger
    assert [one.version for one in ledger.chain] == [1, 2]
    assert ledger.chain[1].statement == statement
    assert [(one.link, one.error) for one in told] == [(ledger.chain[1], "")] * 10
    assert [str(one) for one in ledger.findings] == [
        f"version {number} is repeated: it repeats version 2" for number in range(3, 12)
    ]


def _place(world: World) -> Place:
    return Place(world.server.uri, world.config, world.key, POLICY)


def _kept_again(world: World, reference: str, times: int) -> list[str]:
    """The same evidence kept in as many runs, as if its candidate had been judged so often."""
    run_id, sha256 = reference.split("@")
    judged = world.client.get_run(run_id).info
    runs = [world.client.create_run(judged.experiment_id).info for _ in range(times)]
    for run in runs:
        shutil.copytree(
            world.server.stored(judged.artifact_uri), world.server.stored(run.artifact_uri)
        )
    return [f"{run.run_id}@{sha256}" for run in runs]


def _repeated(world: World, comment: str) -> Statement:
    """A statement that promotes what is in force once more, as the successor of the tip."""
    head = world.ledger.head
    assert head
    update = {**next_place(world.ledger), **approval_fields(Approval("github:alice", comment))}
    return Statement(
        files=head.statement.files, entry=head.statement.entry.model_copy(update=update)
    )


def _answer(world: World, reference: str, told: Told) -> tuple[Link | None, str]:
    """What a process was told; where the server failed it, what the same command says again."""
    if not told.error.startswith("Unreachable: "):
        return told.link, told.error
    try:
        return world.promote(reference), ""
    except Refused as error:
        return None, f"Refused: {error}"


def _has_one_valid_successor_for_each_tip(world: World, ledger: Ledger) -> None:
    """Hold the fold against the server's own list: who came first, and what became of the rest."""
    followers: dict[str | None, list[int]] = defaultdict(list)
    for version in world.client.search_model_versions(f"name='{PRODUCTION}'", max_results=10_000):
        statement, _ = open_envelope(version.tags[STATEMENT_TAG], world.trust.public_keys())
        followers[statement.entry.supersedes].append(int(version.version))
    firsts = {followed: min(versions) for followed, versions in followers.items()}
    assert firsts == {one.statement.entry.supersedes: one.version for one in ledger.chain}
    lost = {
        version: f"version {firsts[followed]} won"
        for followed, versions in followers.items()
        for version in versions
        if version != firsts[followed]
    }
    assert {one.version: one.reason for one in ledger.findings if one.kind == "lost"} == lost

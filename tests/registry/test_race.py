"""Fifty promotions at once: one wins, all others are refused, and all readers agree."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator

import pytest

from deploy.local.processes import free_port, mlflow_server
from registry.errors import Refused
from registry.ledger.chain import Ledger, Link
from registry.ledger.statement import open_envelope
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.postgres import postgresql
from tests.registry.forked import Append, Outcome, Promotion, Setup, run_at_once
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
        mlflow_server(
            folder, free_port(), workers=2, backend_store_uri=database.uri_with_password
        ) as uri,
    ):
        yield Server(uri, folder)


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_of_fifty_promotions_at_once_one_wins_and_all_others_are_refused(
    world: World, rounds: int
) -> None:
    candidate = world.register()
    for _ in range(rounds):
        before = world.ledger
        references = _copies_of(world, world.evaluate(candidate)[0], PROCESSES)
        outcomes = run_at_once(
            _setup(world),
            [
                Promotion(reference, f"github:reviewer-{number}")
                for number, reference in enumerate(references)
            ],
        )
        after = world.ledger
        assert after.chain[:-1] == before.chain
        assert {outcome.imported_by for outcome in outcomes}.isdisjoint(
            outcome.pid for outcome in outcomes
        )
        assert [outcome.ledger for outcome in outcomes] == [after] * PROCESSES
        winner = after.chain[-1]
        won = str(winner.statement.entry.evidence)
        assert won in references
        for outcome, reference in zip(outcomes, references, strict=True):
            link, error = _final(world, reference, outcome)
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
    statements = [world.next_promotion(f"by process {number}") for number in range(STATEMENTS)]
    outcomes = run_at_once(_setup(world), [Append(statement) for statement in statements])
    ledger = world.ledger
    assert ledger.chain[0] == tip
    assert [link.version for link in ledger.chain] == [1, 2]
    assert ledger.chain[1].statement in statements
    assert [outcome.ledger for outcome in outcomes] == [ledger] * STATEMENTS
    assert [outcome.link for outcome in outcomes if not outcome.error] == [ledger.chain[1]]
    errors = [outcome.error for outcome in outcomes if outcome.error]
    assert all(LOST.match(error) for error in errors), errors
    assert len(errors) == STATEMENTS - 1
    _has_one_valid_successor_for_each_tip(world, ledger)


def test_processes_that_append_the_same_statement_all_win_and_it_counts_once(
    world: World,
) -> None:
    world.put_in_production()
    statement = world.next_promotion("the same in every process")
    outcomes = run_at_once(_setup(world), [Append(statement)] * 10)
    ledger = world.ledger
    assert [link.version for link in ledger.chain] == [1, 2]
    assert ledger.chain[1].statement == statement
    assert [(outcome.link, outcome.error) for outcome in outcomes] == [(ledger.chain[1], "")] * 10
    assert [str(finding) for finding in ledger.findings] == [
        f"version {number} is repeated: it repeats version 2" for number in range(3, 12)
    ]


def _setup(world: World) -> Setup:
    return Setup(world.server.uri, world.config, world.key, POLICY)


def _copies_of(world: World, reference: str, times: int) -> list[str]:
    """The same evidence in several runs, as if its candidate had been evaluated several times."""
    run_id, sha256 = reference.split("@")
    source = world.client.get_run(run_id).info
    runs = [world.client.create_run(source.experiment_id).info for _ in range(times)]
    for run in runs:
        shutil.copytree(
            world.server.stored(source.artifact_uri), world.server.stored(run.artifact_uri)
        )
    return [f"{run.run_id}@{sha256}" for run in runs]


def _final(world: World, reference: str, outcome: Outcome) -> tuple[Link | None, str]:
    """The entry or the error of a process; if the server failed, those of another attempt."""
    if not outcome.error.startswith("Unreachable: "):
        return outcome.link, outcome.error
    try:
        return world.promote(reference), ""
    except Refused as error:
        return None, f"Refused: {error}"


def _has_one_valid_successor_for_each_tip(world: World, ledger: Ledger) -> None:
    """Compare the fold with the server's own list: the first successor won, the others lost.

    A statement that stands twice was sent again after a response that did not arrive.
    """
    followers: dict[str | None, list[int]] = defaultdict(list)
    seen: dict[str, int] = {}
    expected: set[tuple[int, str, str]] = set()
    listed = world.client.search_model_versions(f"name='{PRODUCTION}'", max_results=10_000)
    for version in sorted(listed, key=lambda version: int(version.version)):
        statement, _ = open_envelope(version.tags[STATEMENT_TAG], world.trust.public_keys())
        number = int(version.version)
        if (first := seen.setdefault(statement.digest, number)) != number:
            expected.add((number, "repeated", f"it repeats version {first}"))
        else:
            followers[statement.entry.supersedes].append(number)
    for numbers in followers.values():
        expected |= {(number, "lost", f"version {numbers[0]} won") for number in numbers[1:]}
    firsts = {followed: numbers[0] for followed, numbers in followers.items()}
    assert firsts == {link.statement.entry.supersedes: link.version for link in ledger.chain}
    found = {(finding.version, finding.kind, finding.reason) for finding in ledger.findings}
    assert found == expected

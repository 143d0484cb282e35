"""Parts of a team's set-up end in the middle of a command, and come back.

Nothing is lost and nothing is half-promoted: the command waits, or says what to do, and the same
command finishes its work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from deploy.local.processes import free_port, status_of
from deploy.local.restartable import Restartable
from deploy.local.team import Team
from registry.tracking.names import CANDIDATES
from tests.registry.command_line import CommandLine
from tests.registry.faulty import FaultyServer, faulty
from tests.registry.forked import Ended
from tests.training.commands import training
from tests.waiting import wait_until
from tests.world import World
from training.simulate import simulate

AWAY_SECONDS = 1.0
PAUSE_SECONDS = 8.0


@pytest.fixture
def front(started: Team) -> Iterator[FaultyServer]:
    with faulty(started.tracking_uri) as front:
        yield front


@pytest.fixture
def run(
    team_world: World, front: FaultyServer, as_admin: dict[str, str], tmp_path: Path
) -> Callable[..., Ended]:
    """`python -m registry` through the server in front."""
    command_line = CommandLine(team_world, tmp_path / "log")

    def run(*arguments: str, **variables: str) -> Ended:
        environment = {**as_admin, "MLFLOW_TRACKING_URI": front.uri, **variables}
        return command_line(*arguments, environment=environment)

    return run


@pytest.fixture(autouse=True)
def all_is_up_again(started: Team) -> Iterator[None]:
    """So that a test that fails does not fail the next ones."""
    yield
    for server in (started.postgres.server, started.azure.server, started.server):
        server.start()


class Outages:
    """Kills a server, and starts it again a moment later, while requests come.

    Not again before it has had time to come back and answer what was repeated.
    """

    def __init__(self, server: Restartable) -> None:
        self.count = 0
        self._server, self._last = server, float("-inf")

    def __call__(self) -> None:
        if time.monotonic() < self._last + PAUSE_SECONDS:
            return
        self.count, self._last = self.count + 1, time.monotonic()
        self._server.kill()
        threading.Timer(AWAY_SECONDS, self._server.start).start()


def candidates(world: World) -> list[int]:
    found = world.client.search_model_versions(f"name = '{CANDIDATES}'", max_results=1000)
    return [int(version.version) for version in found]


def reference_of(ended: Ended) -> str:
    assert ended.code == 0, ended.output
    return ended.output.splitlines()[-1]


def test_ready_asks_the_database_and_health_does_not(started: Team) -> None:
    started.postgres.server.kill()
    wait_until(lambda: status_of(f"{started.tracking_uri}/ready") == 503)
    health = requests.get(f"{started.tracking_uri}/health", timeout=10).status_code
    started.postgres.server.start()

    wait_until(lambda: status_of(f"{started.tracking_uri}/ready") == 200)
    assert health == 200


@pytest.mark.parametrize("path", ["/ready", "/health"])
def test_probes_need_no_user_and_all_else_does(started: Team, path: str) -> None:
    uri = started.tracking_uri

    assert status_of(f"{uri}{path}") == 200
    assert requests.post(f"{uri}/ready", timeout=10).status_code == 405
    assert status_of(f"{uri}/metrics") == 401
    assert status_of(f"{uri}/api/2.0/mlflow/experiments/search?max_results=1") == 401


def test_names_that_mlflow_lets_pass_by_default_are_refused(started: Team) -> None:
    answers = [
        requests.get(started.tracking_uri, headers={"Host": host}, timeout=10).status_code
        for host in ("10.evil.example", "evil.example", f"localhost:{started.port}")
    ]

    assert answers == [403, 403, 401]


def test_prometheus_reads_the_metrics_as_a_user(started: Team, as_admin: dict[str, str]) -> None:
    user = (as_admin["MLFLOW_TRACKING_USERNAME"], as_admin["MLFLOW_TRACKING_PASSWORD"])
    answer = requests.get(f"{started.tracking_uri}/metrics", auth=user, timeout=10)

    assert answer.status_code == 200
    assert "mlflow_http_request_duration_seconds_bucket" in answer.text
    assert 'mlflow_http_request_total{method="GET",status="200"}' in answer.text


def test_evidence_is_in_its_own_container_and_other_files_are_proxied(
    team_world: World, as_admin: dict[str, str]
) -> None:
    candidate = team_world.client.get_model_version("fraud-detector", str(team_world.register()))
    reference, _ = team_world.evaluate(int(candidate.version))
    entry = team_world.promote(reference).statement.entry

    run = team_world.client.get_run(str(candidate.run_id))
    assert str(run.info.artifact_uri).startswith("mlflow-artifacts:/")
    assert entry.source.startswith("wasbs://evidence@fraudteam.blob.core.windows.net/")


def test_postgresql_that_is_killed_again_and_again_loses_nothing(
    started: Team, team_world: World, front: FaultyServer, run: Callable[..., Ended]
) -> None:
    candidate = str(team_world.register())
    before = len(team_world.ledger.chain)
    outages = Outages(started.postgres.server)
    front.call_before(3, outages)
    evaluated = run("evaluate", candidate, "--rows", str(team_world.rows))
    of_evaluate = outages.count
    reference = reference_of(evaluated)
    front.call_before(2, outages)
    promoted = run("promote", reference, "--approver", "github:alice", "--comment", "better")
    front.repair()

    assert promoted.code == 0, promoted.output
    assert outages.count > of_evaluate > 0
    assert run("verify").code == 0
    assert len(team_world.ledger.chain) == before + 1


def test_storage_that_is_away_for_a_moment_is_waited_for(
    started: Team, team_world: World, front: FaultyServer, run: Callable[..., Ended]
) -> None:
    candidate = str(team_world.register())
    outages = Outages(started.azure.server)
    front.call_before(2, outages)
    evaluated = run("evaluate", candidate, "--rows", str(team_world.rows))
    front.repair()

    assert outages.count > 0
    assert run("verify").code == 0
    reference_of(evaluated)


def test_storage_that_stays_away_is_named_and_the_same_command_works_later(
    started: Team, team_world: World, front: FaultyServer, run: Callable[..., Ended]
) -> None:
    evaluate = ("evaluate", str(team_world.register()), "--rows", str(team_world.rows))
    started.azure.server.stop()
    while_reading = run(*evaluate, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    started.azure.server.start()
    front.call_before(2, started.azure.server.stop)
    while_uploading = run(*evaluate, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    front.repair()
    started.azure.server.start()

    for refused, named in (
        (while_reading, "the storage behind it may be away"),
        (while_uploading, "wasbs://evidence@fraudteam.blob.core.windows.net/"),
    ):
        assert refused.code == 2, refused.output
        [error] = [line for line in refused.output.splitlines() if line.startswith("error: ")]
        assert named in error
    reference_of(run(*evaluate))


def test_a_tracking_server_that_is_killed_at_the_insert_has_the_entry_once(
    started: Team, team_world: World, front: FaultyServer, run: Callable[..., Ended]
) -> None:
    reference, _ = team_world.evaluate(team_world.register())
    before = len(team_world.ledger.chain)
    promote = ("promote", reference, "--approver", "github:alice", "--comment", "better")
    front.fail(2, "answer lost", started.server.kill)
    lost = run(*promote)
    front.repair()
    started.server.start()
    again = run(*promote)

    assert lost.code == 2
    assert "may be in the ledger" in lost.output
    assert again.code == 0, again.output
    assert run("verify").code == 0
    assert len(team_world.ledger.chain) == before + 1


def test_two_servers_on_one_database_take_turns(
    started: Team, team_world: World, as_admin: dict[str, str], tmp_path: Path
) -> None:
    second = free_port()
    with (
        started.tracking_server(second),
        faulty(started.tracking_uri, f"http://127.0.0.1:{second}") as front,
    ):
        command_line = CommandLine(team_world, tmp_path / "log")
        environment = {**as_admin, "MLFLOW_TRACKING_URI": front.uri}
        candidate = str(team_world.register())
        rows = ("--rows", str(team_world.rows))
        reference = reference_of(
            command_line("evaluate", candidate, *rows, environment=environment)
        )
        approval = ("--approver", "github:alice", "--comment", "better")
        promoted = command_line("promote", reference, *approval, environment=environment)

        assert promoted.code == 0, promoted.output
        assert command_line("verify", environment=environment).code == 0


def test_a_training_run_outlasts_restarts_of_the_database(
    started: Team,
    team_world: World,
    front: FaultyServer,
    as_admin: dict[str, str],
    tmp_path: Path,
) -> None:
    before = len(candidates(team_world))
    data = tmp_path / "transactions.parquet"
    simulate(customers=150, terminals=300, days=60, seed=1).write_parquet(data)
    outages = Outages(started.postgres.server)
    front.call_before(10, outages)
    trained = training(front.uri, "train", "--data", str(data), "--dataset", "simulated")
    front.repair()

    assert trained.code == 0, trained.errors
    assert outages.count >= 2
    assert len(candidates(team_world)) == before + 1

"""The server goes away, loses an answer or has a full disk, at each write of a command.

Whatever it was: nothing is half-promoted, the message says what to do, and the same command
finishes its work once the fault is mended.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from deploy.local.processes import free_port, mlflow_server
from registry.evaluation.evidence import fetch_evidence
from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of
from registry.ledger.statement import EvidenceRef
from registry.tracking import candidates
from registry.tracking.names import (
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    EVIDENCE_FILE,
    LEDGER_VERSION_TAG,
    PRODUCTION,
)
from tests.registry.command_line import CommandLine
from tests.registry.faulty import Fault, FaultyServer, faulty, processes_of
from tests.registry.forked import Ended
from tests.registry.kills import limit_file_size
from tests.world import Server, World, new_world

BY_ALICE = ("--approver", "github:alice")
FAULTS: tuple[Fault, ...] = ("away", "answer lost", "disk full")
AGAIN = " again once the server works)"
INSERT = 2
"""The write of a promotion that inserts its entry; the first creates the registered model."""
UNKNOWN = "; the entry may be in the ledger all the same: look at `registry history` "


@pytest.fixture
def front(server: Server) -> Iterator[FaultyServer]:
    with faulty(server.uri) as front:
        yield front


class Commands:
    """Commands that reach the tracking server through one that fails."""

    def __init__(self, command_line: CommandLine, front: FaultyServer) -> None:
        self.command_line, self.front = command_line, front

    def __call__(self, *arguments: str) -> Ended:
        ended = self.command_line(
            *arguments,
            environment={
                "MLFLOW_TRACKING_URI": self.front.uri,
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            },
        )
        assert "Traceback" not in ended.output
        return ended

    def at_each_write(self, fault: Fault, *arguments: str, every: int = 1) -> Iterator[Ended]:
        """Run the command again and again, with the fault one write later each time.

        Yields how it ended, with the fault mended; returns once the fault came too late.
        """
        for write in itertools.count(1, every):
            self.front.fail(write, fault)
            ended = self(*arguments)
            failed = self.front.failed
            self.front.repair()
            if not failed:
                assert ended.code == 0, ended.output
                return
            yield ended


@pytest.fixture
def commands(command_line: CommandLine, front: FaultyServer) -> Commands:
    return Commands(command_line, front)


def appended(world: World, old: list[Link]) -> list[Link]:
    """What follows the old entries: nothing, or one entry, and no version that is not valid."""
    ledger = world.ledger
    assert list(ledger.chain[: len(old)]) == old
    assert ledger.findings == ()
    return list(ledger.chain[len(old) :])


def says_what_to_do(ended: Ended, new: list[Link]) -> None:
    """A failure has one line; success at the entry itself warns if alias and tags failed."""
    if ended.code == 0:
        assert new
        assert "warning: the entry is in the ledger, but alias and tags were not set" in (
            ended.output
        )
        assert "; then run `registry repair`" in ended.output
        return
    assert ended.code == 2, ended.output
    last = ended.output.splitlines()[-1]
    if "registered-models/create" in last:
        assert last.startswith(f"error: appending to the ledger (run the command{AGAIN}: ")
        assert new == []
    else:
        assert last.startswith("error: appending to the ledger: ")
        assert UNKNOWN in last


@pytest.mark.parametrize("fault", FAULTS)
def test_a_promotion_that_fails_at_any_write_is_finished_once_by_the_same_command(
    world: World, commands: Commands, fault: Fault
) -> None:
    candidate = str(world.register())
    reference, _ = world.evaluate(int(candidate))
    candidates.stage(world.client, candidate)
    promote = ("promote", reference, *BY_ALICE)
    codes = []
    for ended in commands.at_each_write(fault, *promote):
        says_what_to_do(ended, appended(world, []))
        codes.append(ended.code)
        again = commands(*promote)
        assert again.code == 0, again.output
        assert len(appended(world, [])) == 1
        assert candidates.staged(world.client) is None
        assert commands.command_line.verify() == []

        world.client.delete_registered_model(PRODUCTION)
        candidates.stage(world.client, candidate)
        world.client.delete_model_version_tag(CANDIDATES, candidate, LEDGER_VERSION_TAG)
    # At the registered model, its version, the alias, the tag, and the candidate in Staging.
    assert codes == [2, 2, 0, 0, 0]


def test_an_insert_that_is_repeated_after_a_502_counts_once(
    world: World, command_line: CommandLine, front: FaultyServer
) -> None:
    """MLflow's client sends it again up to 3.17; test_both_mlflows has that of 3.18."""
    reference, _ = world.evaluate(world.register())
    front.fail(INSERT, "bad gateway")
    ended = command_line(
        "promote", reference, *BY_ALICE, environment={"MLFLOW_TRACKING_URI": front.uri}
    )
    assert (ended.code, front.failed) == (0, True), ended.output
    ledger = world.ledger
    assert [str(link.statement.entry.evidence) for link in ledger.chain] == [reference]
    assert [str(finding) for finding in ledger.findings] == [
        "version 2 is repeated: it repeats version 1"
    ]
    assert command_line.verify() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rollback_that_fails_at_any_write_is_finished_once_by_the_same_command(
    world: World, commands: Commands, fault: Fault
) -> None:
    old = [world.put_in_production(quality=0.9), world.put_in_production()]
    rollback = ("rollback", "--to", "1", "--reason", "false alerts", *BY_ALICE)
    codes = []
    for ended in commands.at_each_write(fault, *rollback):
        new = appended(world, old)
        says_what_to_do(ended, new)
        codes.append(ended.code)
        again = commands(*rollback)
        assert again.code == 0, again.output
        (new_entry,) = appended(world, old)
        assert new_entry.statement.files == old[0].statement.files
        assert commands.command_line.verify() == []

        world.client.delete_model_version(PRODUCTION, str(new_entry.version))
        world.client.set_registered_model_alias(PRODUCTION, "production", "2")
        world.client.set_model_version_tag(CANDIDATES, "1", LEDGER_VERSION_TAG, "1")
    assert codes == [2, 2, 0, 0]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_evaluation_that_fails_at_any_write_leaves_nothing_to_approve(
    world: World, commands: Commands, fault: Fault
) -> None:
    evaluate = ("evaluate", str(world.register()), "--rows", str(world.rows))
    failures = []
    for ended in commands.at_each_write(fault, *evaluate, every=9):
        assert ended.code == 2, ended.output
        failures.append(ended.output.splitlines()[-1])
        assert failures[-1].startswith(f"error: uploading the evidence (run the command{AGAIN}: ")
        assert "@sha256:" not in ended.output
        assert all(complete_if_finished(world))
    assert list(complete_if_finished(world)).count(True) >= 1
    # Not the request that marks the run FAILED, which fails after it.
    assert "/artifacts/model/" in failures[1]


def complete_if_finished(world: World) -> Iterator[bool]:
    """For each evidence run that is FINISHED, whether it holds all that its evidence lists."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is None:
        return
    for run in world.client.search_runs([experiment.experiment_id]):
        if run.info.status == "FINISHED":
            path = world.server.stored(run.info.artifact_uri) / EVIDENCE_FILE
            reference = EvidenceRef(run_id=run.info.run_id, sha256=sha256_of(path))
            fetch_evidence(world.client, reference)
            yield True


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stage_that_fails_is_done_by_the_same_command(
    world: World, commands: Commands, fault: Fault
) -> None:
    world.register()
    for ended in commands.at_each_write(fault, "stage", "1"):
        assert ended.code == 2
        assert ended.output.startswith(f"error: staging candidate 1 (stage it{AGAIN}: ")
        staged = candidates.staged(world.client)
        assert (staged is not None) == (fault == "answer lost")
        assert commands("stage", "1").code == 0
        staged = candidates.staged(world.client)
        assert staged
        assert str(staged.version) == "1"


@pytest.mark.parametrize("max_bytes", [2_000, 30_000])
def test_an_evaluator_with_a_full_disk_says_so_and_leaves_no_evidence(
    world: World, command_line: CommandLine, tmp_path: Path, max_bytes: int
) -> None:
    evaluate = ("evaluate", str(world.register()), "--rows", str(world.rows))
    ended = command_line(*evaluate, prepare=partial(limit_file_size, max_bytes))
    assert ended.code == 2, ended.output
    assert "File too large" in ended.output
    assert "Traceback" not in ended.output
    assert list(complete_if_finished(world)) == []
    assert command_line(*evaluate).code == 0


@pytest.mark.parametrize("fault", ["away", "answer lost"])
def test_a_server_that_is_killed_at_the_insert_and_started_again_has_it_once_or_not_at_all(
    tmp_path: Path, fault: Fault
) -> None:
    folder, port = tmp_path / "mlflow", free_port()
    with ExitStack() as stack:
        uri = stack.enter_context(mlflow_server(folder, port))
        world = new_world(Server(uri, folder), tmp_path)
        front = stack.enter_context(faulty(uri))
        commands = Commands(CommandLine(world, tmp_path / "log"), front)
        reference, _ = world.evaluate(world.register())
        promote = ("promote", reference, *BY_ALICE)

        def kill() -> None:
            for process in processes_of(uri):
                process.kill()

        front.fail(2, fault, also=kill)
        ended = commands(*promote)
        assert ended.code == 2, ended.output
        assert UNKNOWN in ended.output
        assert commands("status").code == 2
        with mlflow_server(folder, port):
            front.repair()
            assert len(appended(world, [])) == (fault == "answer lost")
            assert commands(*promote).code == 0
            assert len(appended(world, [])) == 1
            assert commands.command_line.verify() == []

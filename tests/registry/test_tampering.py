"""Every attack of the table in `docs/attacks.md`, against a real server, and its outcome."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from mlflow import MlflowClient
from securesystemslib.signer import CryptoSigner
from typer.testing import CliRunner

from deploy.local.processes import free_port, inference_service, mlflow_server, wait_until_ok
from registry.cli.main import app
from registry.errors import RegistryError, VerificationError
from registry.ledger.creation import create_ledger
from registry.ledger.keys import with_key, with_last
from registry.ledger.statement import Statement
from registry.ledger.tip import Tip
from registry.ledger.trust import open_signer, trusted_key
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.rollback import rollback
from registry.tracking import rest
from registry.tracking.client import connect, read_ledger
from registry.tracking.connection import Connection
from registry.tracking.names import PRODUCTION
from tests.candidates import NAMES, write_evaluation_rows
from tests.inference.calls import wait_for_health
from tests.inference.pods import Pod, pod
from tests.places import REPOSITORY
from tests.registry.attacks import (
    ALICE,
    ATTACKS,
    Attack,
    Refuses,
    Serves,
    Target,
    flood,
    race,
    table,
)
from tests.world import Server, World

TRANSACTION = dict.fromkeys(NAMES, 0.7)
MAX_LINE = 600
"""Characters of a line of `verify`, however long the text is that an attacker chose."""


@dataclass(frozen=True)
class Prepared:
    """The target before any attack, and what pods had that started then."""

    target: Target
    digests: dict[str, str]
    database: Path
    artifacts: Path
    service: str
    answer: dict[str, Any]
    floor: Tip
    cache: Path

    def restore(self) -> Target:
        """The target with the database and all files from before any attack."""
        world = self.target.world
        with (
            closing(sqlite3.connect(self.database)) as saved,
            closing(sqlite3.connect(world.server.folder / "mlflow.db")) as served,
        ):
            saved.backup(served)
        shutil.rmtree(world.server.artifacts)
        shutil.copytree(self.artifacts, world.server.artifacts)
        world.config.write_text(world.trust.as_yaml())
        return self.target


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """A server of its own, so that it can be restored after each attack."""
    folder = tmp_path_factory.mktemp("tampering")
    with mlflow_server(folder / "mlflow", free_port()) as uri:
        config, key = folder / "ledger.yaml", folder / "signing-key.pem"
        trust = create_ledger(config, key)
        world = World(
            server=Server(uri, folder / "mlflow"),
            client=connect(uri),
            trust=trust,
            signer=open_signer(f"file2:{key}", trust),
            config=config,
            key=key,
            rows=write_evaluation_rows(folder / "rows.parquet"),
        )
        links = [world.put_in_production(quality) for quality in (0.8, 1.0)]
        pending, evidence = world.evaluate(world.register(0.9))
        digests = {
            name: files["model.onnx"]
            for name, files in zip(
                "ABC",
                (*(link.statement.files for link in links), evidence.model_files),
                strict=True,
            )
        }
        database, artifacts = folder / "mlflow.db", folder / "artifacts"
        with (
            closing(sqlite3.connect(world.server.folder / "mlflow.db")) as served,
            closing(sqlite3.connect(database)) as saved,
        ):
            served.backup(saved)
        shutil.copytree(world.server.artifacts, artifacts)
        log = folder / "service.log"
        no_polling = {"FRAUD_POLL_SECONDS": "0"}  # pods that poll are in the tests below
        with inference_service(uri, config, free_port(), log, **no_polling) as (service, process):
            wait_until_ok(process, f"{service}/healthcheck", log)
            answer = predict(service)
            target, floor, cache = Target(world, pending), Tip.of(world.ledger), folder / "cache"
            assert floor
            assert pod(world, cache).poll()
            yield Prepared(target, digests, database, artifacts, service, answer, floor, cache)


@pytest.fixture
def target(prepared: Prepared) -> Target:
    return prepared.restore()


def predict(service: str) -> dict[str, Any]:
    answer = requests.post(f"{service}/predict", json=TRANSACTION, timeout=20)
    answer.raise_for_status()
    return {name: value for name, value in answer.json().items() if name != "request_id"}


def command(world: World, *arguments: str) -> tuple[int, str]:
    """Exit code and output, as `python -m registry` gives them."""
    result = CliRunner().invoke(app, arguments, env=world.environment)
    if isinstance(result.exception, RegistryError):
        return result.exception.exit_code, f"error: {result.exception}"
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def outcome(started: Pod, digests: dict[str, str]) -> Serves | str:
    """What a pod serves, or the reason for which it is not ready."""
    model = started.serving.model
    if started.serving.not_ready or model is None:
        return started.serving.not_ready
    (candidate,) = (name for name, digest in digests.items() if digest == model.digest)
    return Serves(candidate, model.version)


def start_pod(world: World, cache: Path, digests: dict[str, str], **floor: str) -> Serves | str:
    """What a pod serves that starts now, or the reason for which it is not ready."""
    started = pod(world, cache, **floor)
    started.poll()
    return outcome(started, digests)


def assert_outcome(expected: Serves | Refuses, actual: Serves | str) -> None:
    if isinstance(expected, Refuses):
        assert expected.message in str(actual)
        assert str(actual).isprintable()
    else:
        assert actual == expected


def test_before_any_attack_every_reader_agrees(
    prepared: Prepared, target: Target, tmp_path: Path
) -> None:
    assert prepared.floor.sequence == 2
    tip = f"tip:     {prepared.floor}"
    assert command(target.world, "verify") == (0, f"{tip}\n2 entries, 0 problems\n")
    for cache in (tmp_path / "cache", prepared.cache):
        assert start_pod(target.world, cache, prepared.digests) == Serves("B", 2)
    floor = {"FRAUD_LEDGER_FLOOR": str(prepared.floor)}
    assert start_pod(target.world, tmp_path / "2", prepared.digests, **floor) == Serves("B", 2)
    assert prepared.answer["model_version"] == 2
    assert prepared.answer["model_digest"] == prepared.digests["B"][:12]
    assert len(set(prepared.digests.values())) == 3


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(
    prepared: Prepared,
    target: Target,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attack: Attack,
) -> None:
    """The running pod is at a look that reads the whole ledger (docs/decisions/following.md)."""
    monkeypatch.setattr("registry.tracking.watch.MAX_SECONDS", 0.0)
    world, digests = target.world, prepared.digests
    caches = [shutil.copytree(prepared.cache, tmp_path / name) for name in ("running", "old")]
    running = pod(world, caches[0])
    assert running.poll()

    attack.do(target)

    code, output = command(world, "verify")
    assert (code, attack.verify in output) == (attack.exit_code, True), output
    for line in output.splitlines():
        assert line.isprintable()
        assert len(line) < MAX_LINE

    assert_outcome(attack.new_pod, start_pod(world, tmp_path / "new", digests))
    assert_outcome(attack.restarted_pod, start_pod(world, caches[1], digests))
    floor = {"FRAUD_LEDGER_FLOOR": str(prepared.floor)}
    expected = attack.restarted_pod if attack.removes_head else attack.new_pod
    assert_outcome(expected, start_pod(world, tmp_path / "floor", digests, **floor))

    assert running.poll() == (not attack.report)
    assert_outcome(attack.running_pod, outcome(running, digests))
    assert attack.report in running.serving.problem
    assert bool(attack.report) == bool(running.serving.problem)
    assert predict(prepared.service) == prepared.answer

    if attack.promote:
        code, output = command(world, "promote", target.pending, "--approver=github:alice")
        assert (code != 0, attack.promote in output) == (True, True), output


@pytest.mark.parametrize(
    ("name", "with_floor", "message"),
    [
        ("bytes swapped", False, "the files of ledger version 2: model.onnx was changed"),
        ("older entry deleted", False, "the ledger is broken: version 2 is broken: it follows"),
        ("head deleted", True, "the ledger does not extend the remembered tip: entry 2"),
    ],
)
def test_a_new_service_refuses_and_a_running_one_answers_as_before(
    prepared: Prepared, target: Target, tmp_path: Path, name: str, with_floor: bool, message: str
) -> None:
    attack = next(attack for attack in ATTACKS if attack.name == name)
    world, logs = target.world, (tmp_path / "running.log", tmp_path / "starting.log")
    old = {"FRAUD_CACHE": str(tmp_path / "old"), "FRAUD_POLL_SECONDS": "0.2"}
    new = {"FRAUD_CACHE": str(tmp_path / "new")}
    if with_floor:
        new["FRAUD_LEDGER_FLOOR"] = str(prepared.floor)
    uri, config = world.server.uri, world.config
    with inference_service(uri, config, free_port(), logs[0], **old) as (running, _):
        wait_for_health(running, 200)
        attack.do(target)
        with inference_service(uri, config, free_port(), logs[1], **new) as (starting, _):
            refusal = wait_for_health(starting, 503, message)
            assert refusal.json()["status"] == "not ready"
            assert requests.get(f"{starting}/readyz", timeout=5).json() == refusal.json()
            answer = requests.post(f"{starting}/predict", json=TRANSACTION, timeout=5)
            assert answer.status_code == 503
            assert requests.get(f"{starting}/livez", timeout=5).status_code == 200

        assert wait_for_health(running, 200, attack.report).json()["model_version"] == 2
        assert requests.get(f"{running}/readyz", timeout=5).status_code == 200
        assert predict(running) == prepared.answer
    assert f"not ready: {message}" in logs[1].read_text()
    assert attack.report in logs[0].read_text()


class Interrupted(Connection):
    """A connection; after the first page of the list, another client edits and deletes versions."""

    def __init__(self, client: MlflowClient) -> None:
        super().__init__(client.tracking_uri)
        self._client = client

    def get(
        self,
        operation: str,
        path: str,
        query: dict[str, str],
        max_bytes: int,
        posted: bytes | None = None,
    ) -> Iterator[bytes]:
        yield from super().get(operation, path, query, max_bytes, posted)
        if query["filter"].endswith("version_number > 0"):
            for version in ("1", "2", "1003"):
                self._client.update_model_version(PRODUCTION, version, "touched")
            for version in ("3", "4", "5", "6"):
                self._client.delete_model_version(PRODUCTION, version)


def test_changes_while_a_long_list_is_read_hide_no_entry(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood(target)
    assert target.world.promote(target.pending).version == 1003
    monkeypatch.setattr(rest, "Connection", lambda *_: Interrupted(target.client))
    ledger = read_ledger(target.client, target.world.trust)
    assert [link.version for link in ledger.chain] == [1, 2, 1003]
    assert len(ledger.findings) == 1000


def test_a_reader_that_saw_the_winner_of_a_race_notices_its_deletion(target: Target) -> None:
    race(target)
    trust = target.world.trust
    trust = trust.model_copy(update={"floor": Tip.of(target.world.ledger)})
    assert read_ledger(target.client, trust).tip
    target.delete(3)
    with pytest.raises(VerificationError, match=r"now its entry 3 is [0-9a-f]{12} \(version 4"):
        read_ledger(target.client, trust)


@pytest.mark.parametrize("command_line", [("promote",), ("rollback", "--to=1", "--reason=why not")])
def test_a_promoter_with_a_floor_signs_nothing_once_the_head_was_deleted(
    prepared: Prepared, target: Target, command_line: tuple[str, ...]
) -> None:
    """Without one, a rollback would follow the entry before, and make the deletion permanent."""
    target.delete(2)
    name, *options = command_line
    arguments = ("--approver=github:alice", f"--floor={prepared.floor}", *options)
    evidence = (target.pending,) if name == "promote" else ()
    code, output = command(target.world, name, *evidence, *arguments)
    assert code == 3
    assert "the ledger does not extend the remembered tip: entry 2 of ledger" in output
    assert [link.version for link in target.world.ledger.chain] == [1]


def test_a_revoked_key_lifts_no_freeze(target: Target) -> None:
    world = target.world
    frozen = set_frozen(world.client, world.trust, world.signer, "freeze", ALICE)
    new_signer = CryptoSigner(generate_private_key(SECP256R1()))
    revoked = with_last(world.trust, world.trust.keys[0], 3, revoked=True)
    trust = with_key(revoked, trusted_key(new_signer.public_key, first=4))

    entry = frozen.statement.entry.model_copy(
        update={"action": "unfreeze", "sequence": 4, "supersedes": frozen.statement.digest}
    )
    target.insert_signed(Statement(files=frozen.statement.files, entry=entry), world.signer)
    rollback(world.client, trust, new_signer, 1, ALICE)

    ledger = read_ledger(world.client, trust)
    assert [link.statement.entry.action for link in ledger.chain] == [
        *("promote", "promote", "freeze", "unfreeze", "rollback")
    ]
    assert ledger.frozen


def test_the_documentation_holds_every_attack_and_its_messages() -> None:
    text = (REPOSITORY / "docs" / "attacks.md").read_text()
    assert table(ATTACKS) in text, "update it: python -m tests.registry.attacks"


def test_the_documentation_admits_every_attack_that_succeeds() -> None:
    text = " ".join((REPOSITORY / "docs" / "attacks.md").read_text().split())
    _, admitted = text.split("## What cannot be prevented, and how to notice it")
    succeed = [attack.name for attack in ATTACKS if attack.succeeds]
    assert "head deleted" in succeed
    assert [name for name in succeed if f"“{name}”" not in admitted] == []

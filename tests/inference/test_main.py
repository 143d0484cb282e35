"""`python -m inference`: a real process against a real tracking server."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from deploy.local.processes import free_port, inference_service
from inference.tokens import Tokens
from registry.ledger.creation import create_ledger
from registry.model.scorer import open_model
from tests.candidates import NAMES, files_of, saved_model
from tests.inference.calls import RunningService, is_closed_when_idle, wait_for_health
from tests.inference.models import append
from tests.places import REPOSITORY
from tests.world import World

ROW = dict.fromkeys(NAMES, 0.5)


@contextmanager
def starting(world: World, log: Path, **settings: str) -> Iterator[str]:
    """A service that starts on the test's own ledger."""
    service = inference_service(world.server.uri, world.config, free_port(), log, **settings)
    with service as (address, process):
        yield address
        assert process.poll() is None


def test_after_a_promotion_it_is_ready_with_the_heads_version_and_digest(
    service: RunningService,
) -> None:
    answer = httpx.get(f"{service.address}/healthcheck")
    digest = hashlib.sha256((saved_model(1.0) / "model.onnx").read_bytes()).hexdigest()
    assert answer.status_code == 200
    said = answer.json()
    assert 0 <= said.pop("lag_seconds") < 3600
    assert said == {
        "status": "ready",
        "model_version": 1,
        "model_digest": digest,
        "candidate": 1,
        "source": "registry",
        "problem": said["problem"],
        "missing_history": None,
    }
    assert service.head.statement.files["model.onnx"] == digest


def test_a_thousand_responses_are_bit_identical_to_offline_scores(
    service: RunningService,
) -> None:
    rows = np.random.default_rng(5).normal(1.2, 0.3, size=(1000, len(NAMES)))
    scorer = open_model(files_of(saved_model(1.0)))
    offline = [float(scorer.score(scorer.encode(row.tolist()))[0]) for row in rows]
    with httpx.Client(base_url=service.address) as client:
        answers = [
            client.post("/predict", json=dict(zip(NAMES, row.tolist(), strict=True))).json()
            for row in rows
        ]
    assert [answer["probability"] for answer in answers] == offline
    assert {answer["decision"] for answer in answers} == {"approve", "review"}
    assert {answer["threshold"] for answer in answers} == {0.5}
    assert {answer["model_version"] for answer in answers} == {1}
    assert len(set(offline)) > 900


def test_damaged_http_is_refused_and_the_next_caller_is_served(service: RunningService) -> None:
    host, port = service.address.removeprefix("http://").split(":")
    for sent in (
        b"\x16\x03\x01\x00",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        assert not answer or answer.startswith(b"HTTP/1.1 400 ")
    assert httpx.post(f"{service.address}/predict", json=ROW).status_code == 200


def test_one_changed_byte_keeps_a_starting_service_from_ready(world: World, tmp_path: Path) -> None:
    source = world.put_in_production().statement.entry.source
    file = world.server.stored(source) / "model.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    log = tmp_path / "log"
    with starting(world, log) as address:
        answer = wait_for_health(address, 503, "model.onnx")
        assert answer.json() == {
            "status": "not ready",
            "reason": "the files of ledger version 1: model.onnx was changed",
        }
        assert httpx.post(f"{address}/predict", json=ROW).status_code == 503
    said = log.read_text()
    assert "not ready: the files of ledger version 1: model.onnx was changed" in said
    assert "Traceback" not in said


def test_an_added_file_keeps_a_starting_service_from_ready(world: World, tmp_path: Path) -> None:
    source = world.put_in_production().statement.entry.source
    (world.server.stored(source) / "sitecustomize.py").write_text("print('added')\n")
    log = tmp_path / "log"
    with starting(world, log) as address:
        answer = wait_for_health(address, 503, "sitecustomize.py")
        assert answer.json()["reason"] == (
            "the files of ledger version 1: sitecustomize.py was added"
        )
    assert "version 1: sitecustomize.py was added" in log.read_text()


def test_a_version_without_a_signature_is_passed_over(world: World, tmp_path: Path) -> None:
    world.put_in_production()
    signed = world.client.get_model_version("fraud-detector-production", "1")
    unsigned = world.client.get_model_version("fraud-detector", str(world.register(0.2)))
    assert append(world, unsigned.source, unsigned.run_id) == 2
    assert append(world, unsigned.source, unsigned.run_id, "{}") == 3
    assert append(world, unsigned.source, unsigned.run_id, signed.tags["statement"]) == 4
    with starting(world, tmp_path / "log") as address:
        assert wait_for_health(address, 200).json()["model_version"] == 1


def test_an_alias_moved_by_hand_changes_nothing_that_is_served(
    world: World, tmp_path: Path
) -> None:
    world.put_in_production(0.9)
    head = world.put_in_production(1.0)
    assert head.version == 2
    world.client.set_registered_model_alias("fraud-detector-production", "production", "1")
    with starting(world, tmp_path / "log") as address:
        said = wait_for_health(address, 200).json()
    assert said["model_version"] == 2
    assert said["model_digest"] == head.statement.files["model.onnx"]


def test_on_an_empty_ledger_it_waits_and_serves_the_first_promotion_without_a_restart(
    world: World, tmp_path: Path
) -> None:
    reference, _ = world.evaluate(world.register())
    with starting(world, tmp_path / "log") as address:
        answer = wait_for_health(address, 503, "nothing is in Production yet")
        assert answer.json()["reason"] == (
            "nothing is in Production yet; promote a candidate with `registry promote`"
        )
        assert httpx.get(f"{address}/docs").status_code == 200
        world.promote(reference)
        assert wait_for_health(address, 200).json()["model_version"] == 1
        assert httpx.post(f"{address}/predict", json=ROW).json()["decision"] == "approve"


def test_idle_connections_are_kept_for_as_long_as_the_setting_says(
    service: RunningService, world: World, tmp_path: Path
) -> None:
    with starting(world, tmp_path / "log", FRAUD_IDLE_SECONDS="1") as address:
        wait_for_health(address, 503, "nothing is in Production yet")
        assert is_closed_when_idle(address, 4)
    assert not is_closed_when_idle(service.address, 6)


WRONG_SETTINGS: list[tuple[dict[str, str], str]] = [
    (
        {"FRAUD_PORT": "abc"},
        "error: FRAUD_PORT: Input should be a valid integer, unable to parse string as an integer",
    ),
    (
        {"FRAUD_PORT": "70000"},
        "error: FRAUD_PORT: Input should be less than or equal to 65535",
    ),
    (
        {"FRAUD_HOST": "0.0.0.0"},  # noqa: S104 (it is refused)
        "error: FRAUD_AUTH=off requires a loopback address, and FRAUD_HOST is 0.0.0.0; unset "
        "FRAUD_AUTH and set FRAUD_TOKENS to a token file",
    ),
    (
        {"FRAUD_AUTH": "on", "FRAUD_TOKENS": "/nowhere/tokens"},
        "error: the token file /nowhere/tokens cannot be read (No such file or directory); "
        "create it with `python -m inference token NAME >> /nowhere/tokens`, set FRAUD_TOKENS to "
        "another file, or set FRAUD_AUTH=off to serve requests on loopback without tokens",
    ),
    (
        {"FRAUD_CACHE": "/dev/null/cache"},
        "error: the cache /dev/null/cache is not writable (Not a directory); set FRAUD_CACHE "
        "to a folder that is",
    ),
    (
        {"FRAUD_LEDGER_FLOOR": "7"},
        "error: FRAUD_LEDGER_FLOOR: '7' is not LEDGER_ID:SEQUENCE:SHA256; copy the tip that "
        "`registry status` prints",
    ),
    (
        {"FRAUD_LEDGER_CONFIG": "/nowhere/ledger.yaml"},
        "error: no ledger configuration at /nowhere/ledger.yaml; set FRAUD_LEDGER_CONFIG to the "
        "path of yours, or create a new ledger with `python -m registry init`",
    ),
    (
        {"MLFLOW_TRACKING_URI": ""},
        "error: set MLFLOW_TRACKING_URI to the tracking server's address, such as "
        "http://127.0.0.1:5000 (`make demo` starts one there)",
    ),
]


@pytest.mark.parametrize(("change", "said"), WRONG_SETTINGS)
def test_a_wrong_setting_stops_the_start_with_one_line(
    change: dict[str, str], said: str, tmp_path: Path
) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    ended = run("-m", "inference", environment=environment_of(tmp_path) | change)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == f"{said}\n"


def environment_of(folder: Path) -> dict[str, str]:
    """Settings that let a service start, on a ledger of `folder`."""
    return {
        **os.environ,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "FRAUD_LEDGER_CONFIG": str(folder / "ledger.yaml"),
        "FRAUD_CACHE": str(folder / "cache"),
        "FRAUD_PORT": str(free_port()),
        "FRAUD_AUTH": "off",
    }


def run(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_under_gunicorn_too_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    command = ("-m", "gunicorn", "-c", "gunicorn_conf.py")
    for change, said in (WRONG_SETTINGS[0], WRONG_SETTINGS[4]):
        ended = run(*command, environment=environment_of(tmp_path) | change)
        assert ended.returncode not in (0, None)
        assert [line for line in ended.stderr.splitlines() if "error" in line] == [said]
        assert "Traceback" not in ended.stderr + ended.stdout


def test_the_command_uvicorn_does_not_start_it(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    command = ("-m", "uvicorn", "--factory", "inference.worker:create_app")
    ended = run(*command, environment=environment_of(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: another server would not bound what a client may send; run "
        "`python -m inference`, or `gunicorn -c gunicorn_conf.py` for several workers\n"
    )


def test_a_token_is_shown_to_its_user_and_its_hash_goes_to_the_file(tmp_path: Path) -> None:
    ended = run("-m", "inference", "token", "payments", environment=dict(os.environ))
    assert ended.returncode == 0
    shown = "the token of payments, which is not shown again: "
    assert ended.stderr.startswith(shown)
    token = ended.stderr.removeprefix(shown).strip()
    assert len(token) == 43
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert ended.stdout == f"payments {digest}\n"
    (tmp_path / "tokens").write_text(ended.stdout)
    assert Tokens(tmp_path / "tokens").name_of(f"Bearer {token}".encode()) == "payments"


def test_a_name_that_no_token_can_have_is_one_line() -> None:
    ended = run("-m", "inference", "token", "two words", environment=dict(os.environ))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: the name of a token must be 1 to 64 letters, digits, dots, dashes or underscores\n"
    )

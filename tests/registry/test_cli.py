"""The command line: exit codes, one-line errors, and what each command prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.processes import free_port
from registry.cli import app, main
from registry.store import PRODUCTION
from tests.conftest import POLICY, REPOSITORY, World

COMMANDS = ["init", "stage", "evaluate", "promote", "rollback", "status", "history", "verify"]


class Commands:
    """Runs commands in this process, as `python -m registry` would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.error = ""

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """The exit code and standard output; `error` then holds standard error's last line."""
        self._monkeypatch.setattr(sys, "argv", ["registry", *arguments])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = self._capsys.readouterr()
        self.error = (captured.err.splitlines() or [""])[-1]
        return int(ended.value.code or 0), captured.out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    # Set by `main`, for git's own sake; set here too so that the test takes it back.
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    return Commands(monkeypatch, capsys)


@pytest.fixture
def run_here(run: Commands, world: World, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands with the world's server, ledger and key in their environment."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    return run


def run_module(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "registry", *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def evaluate_here(run_here: Commands, world: World, candidate: int) -> str:
    """Evaluate and return the reference that the last line of the output is."""
    _, out = run_here(
        "evaluate", str(candidate), "--rows", str(world.rows), "--policy", str(POLICY)
    )
    return out.splitlines()[-1]


def test_the_commands_are_these() -> None:
    assert list(typer.main.get_group(app).commands) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_has_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: python -m registry {command}" in " ".join(result.output.split())


def test_the_help_names_the_exit_codes() -> None:
    output = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "0 done, 2 wrong use or input, 3 refused by a gate or by verification" in output


def test_status_as_json_from_a_shell(world: World) -> None:
    link = world.put_in_production()
    done = run_module(world.environment, "status", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["production"]["ledger_version"] == 1
    assert answer["production"]["statement"] == link.statement.digest
    assert (answer["staging"], answer["findings"]) == (None, [])


def test_a_refusal_is_one_line_and_exit_code_3_in_a_shell(world: World) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    done = run_module(world.environment, "promote", reference, "--approver", "github:alice")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "error: candidate 1 did not pass: floor.average_precision"
    )
    assert "Traceback" not in done.stderr


def test_a_server_that_is_away_is_said_clearly_and_soon(world: World) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    environment = {
        **world.environment,
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    }
    start = time.monotonic()
    done = run_module(environment, "status")
    assert time.monotonic() - start < 30
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: reading the ledger: API request to {uri}/")


def test_a_missing_setting_is_said_clearly(run: Commands) -> None:
    assert run("status") == (2, "")
    assert run.error.startswith("error: set MLFLOW_TRACKING_URI to the tracking server's address")


def test_an_option_that_is_none_is_wrong_use(run: Commands) -> None:
    code, out = run("status", "--nonsense")
    assert (code, out) == (2, "")


def test_a_missing_ledger_configuration_says_how_to_make_one(run: Commands, tmp_path: Path) -> None:
    code, _ = run("status", "--tracking-uri", "http://127.0.0.1:1", "--config", str(tmp_path / "x"))
    assert code == 2
    assert "make one with `python -m registry init`" in run.error


def test_init_makes_a_ledger_and_says_where(run: Commands, tmp_path: Path) -> None:
    config, key = tmp_path / "ledger.yaml", tmp_path / "key.pem"
    arguments = ("init", "--config", str(config), "--private-key", str(key))
    code, out = run(*arguments)
    assert code == 0
    assert out.endswith(f": configuration {config}, signing key {key}\n")
    assert run(*arguments) == (2, "")
    assert run.error.endswith("exists already; remove it first if it is not needed any more")


def test_stage_says_what_is_in_staging(run_here: Commands, world: World) -> None:
    world.register()
    assert run_here("stage", "1") == (
        0,
        "candidate 1 is in Staging; judge it with `registry evaluate`\n",
    )
    code, out = run_here("stage", "1", "--json")
    assert (code, json.loads(out)["staging"]) == (0, 1)
    assert run_here("stage", "9") == (2, "")
    assert run_here.error == "error: there is no candidate 9; train one with `mlflow run .`"


def test_evaluate_ends_with_the_line_to_approve_and_promote_takes_it(
    run_here: Commands, world: World
) -> None:
    reference = evaluate_here(run_here, world, world.register())
    code, out = run_here("promote", reference, "--approver", "github:alice", "--comment", "good")
    assert (code, out) == (
        0,
        "in Production: version 1: promote of candidate 1 by github:alice\n",
    )
    code, out = run_here("promote", reference, "--approver", "github:bob")
    assert (code, out) == (
        0,
        "in Production already: version 1: promote of candidate 1 by github:alice\n",
    )


def test_evaluate_judges_the_staged_candidate_unless_told_another(
    run_here: Commands, world: World
) -> None:
    options = ("--rows", str(world.rows), "--policy", str(POLICY), "--json")
    assert run_here("evaluate", *options) == (2, "")
    assert "no candidate is in Staging" in run_here.error
    world.register()
    run_here("stage", "1")
    code, out = run_here("evaluate", *options)
    answer = json.loads(out)
    assert code == 0
    assert answer["candidate"]["version"] == 1
    assert [one["passed"] for one in answer["verdicts"]] == [True, True, True, True]
    assert run_here("promote", answer["evidence"])[0] == 0


def test_evaluate_under_the_shipped_policy_unless_told_another(
    run_here: Commands, world: World
) -> None:
    code, out = run_here("evaluate", str(world.register()), "--rows", str(world.rows), "--json")
    assert (code, json.loads(out)["policy"]["name"]) == (0, "default")


def test_evaluate_exits_with_3_when_a_gate_fails(run_here: Commands, world: World) -> None:
    number = str(world.register(quality=0.0))
    code, out = run_here("evaluate", number, "--rows", str(world.rows), "--policy", str(POLICY))
    assert code == 3
    assert "1 of 4 gates failed: it cannot be promoted" in out


def test_promote_as_json_is_the_entry(run_here: Commands, world: World) -> None:
    reference = evaluate_here(run_here, world, world.register())
    url = "https://example.com/runs/7"
    code, out = run_here("promote", reference, "--url", url, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["url"] == url
    assert answer["approver"].startswith("os:")


def test_promote_with_the_key_of_another_ledger_is_refused(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    other = ("--config", str(tmp_path / "other.yaml"), "--private-key", str(tmp_path / "other.pem"))
    run_here("init", *other)
    reference = evaluate_here(run_here, world, world.register())
    key = f"file2:{tmp_path / 'other.pem'}"
    assert run_here("promote", reference, "--signing-key", key) == (2, "")
    assert run_here.error.startswith("error: the signing key file2:… is not usable")
    assert world.ledger.chain == ()


def test_rollback_and_history(run_here: Commands, world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    options = ("--approver", "github:bob", "--reason", "false alerts")
    assert run_here("rollback", *options) == (
        0,
        "in Production: version 3: rollback of candidate 1 by github:bob\n",
    )
    _, out = run_here("history", "--json")
    assert [
        (one["sequence"], one["action"], one["approver"], one["comment"]) for one in json.loads(out)
    ] == [
        (1, "promote", "github:alice", "better"),
        (2, "promote", "github:alice", "better"),
        (3, "rollback", "github:bob", "false alerts"),
    ]
    code, out = run_here("history")
    assert code == 0
    assert "false alerts" in out
    code, out = run_here("rollback", "--to", "2", "--reason", "it was not the model", "--json")
    assert (code, json.loads(out)["candidate"]["version"]) == (0, 2)


def test_rollback_needs_a_reason(run_here: Commands, world: World) -> None:
    assert run_here("rollback") == (2, "")
    assert run_here("rollback", "--reason", "") == (2, "")
    assert run_here.error == "error: a rollback needs a reason; say it with --reason"


def test_status_says_what_is_where(run_here: Commands, world: World) -> None:
    assert run_here("status") == (0, "Staging:    nothing\nProduction: nothing\n")
    world.put_in_production()
    world.register()
    run_here("stage", "2")
    assert run_here("status") == (
        0,
        "Staging:    candidate 2\nProduction: version 1: promote of candidate 1 by github:alice\n",
    )


def append_by_hand(world: World) -> None:
    entry = world.put_in_production().statement.entry
    world.client.create_model_version(PRODUCTION, entry.source, run_id=entry.evidence.run_id)


def test_status_warns_of_a_version_that_nobody_signed(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    code, out = run_here("status")
    assert code == 0
    assert out.splitlines()[1:] == [
        "Production: version 1: promote of candidate 1 by github:alice",
        "warning:    version 2 is passed over: it has no statement",
    ]


def test_verify_finds_nothing_wrong_with_a_sound_ledger(run_here: Commands, world: World) -> None:
    assert run_here("verify") == (0, "0 entries, 0 problems\n")
    world.put_in_production()
    world.put_in_production()
    assert run_here("verify") == (0, "2 entries, 0 problems\n")
    code, out = run_here("verify", "--json")
    assert (code, json.loads(out)) == (0, {"entries": 2, "problems": [], "stale": []})


def test_verify_names_a_version_that_nobody_signed(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    assert run_here("verify") == (
        3,
        "problem: version 2 is passed over: it has no statement\n1 entries, 1 problems\n",
    )


def test_verify_names_each_damaged_file_of_each_entry(run_here: Commands, world: World) -> None:
    folders = [
        world.server.stored(world.put_in_production().statement.entry.source) for _ in range(2)
    ]
    (folders[0] / "MLmodel").unlink()
    (folders[1] / "model.onnx").write_bytes(b"damaged")
    code, out = run_here("verify", "--json")
    assert code == 3
    assert json.loads(out)["problems"] == [
        "the files of ledger version 1: MLmodel is missing",
        "the files of ledger version 2: model.onnx was changed",
    ]


def test_verify_calls_a_moved_alias_stale_and_no_problem(run_here: Commands, world: World) -> None:
    world.put_in_production()
    world.put_in_production()
    world.client.set_registered_model_alias(PRODUCTION, "production", "1")
    code, out = run_here("verify", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "entries": 2,
            "problems": [],
            "stale": ["alias production is on version 1, the head is 2"],
        },
    )
    code, out = run_here("verify")
    assert out.splitlines()[0] == (
        "stale:   alias production is on version 1, the head is 2; "
        "`registry promote` with the same evidence repairs it"
    )


def test_a_broken_ledger_has_no_status_and_verify_says_why(
    run_here: Commands, world: World
) -> None:
    world.put_in_production()
    second = world.put_in_production()
    first = second.statement.entry.supersedes
    world.client.delete_model_version(PRODUCTION, "1")
    assert run_here("status") == (3, "")
    assert run_here.error.startswith("error: the ledger is broken: version 2 is broken")
    code, out = run_here("verify", "--json")
    assert code == 3
    assert json.loads(out)["problems"][0] == (
        f"version 2 is broken: it follows {first}, which is not in the chain"
    )

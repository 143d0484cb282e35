"""The command line: exit codes, one-line errors, and what each command prints."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from securesystemslib.signer import CryptoSigner
from typer.testing import CliRunner

from deploy.local.processes import free_port
from registry.cli import keys
from registry.cli.main import app, main
from registry.ledger.statement import format_time
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, read_trust
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.tracking.client import read_ledger
from registry.tracking.names import PRODUCTION
from tests.places import REPOSITORY
from tests.world import POLICY, World

COMMANDS = [
    "init",
    "stage",
    "evaluate",
    "repair",
    "promote",
    "rollback",
    "freeze",
    "unfreeze",
    "status",
    "history",
    "verify",
    "keys",
]
KEYS_COMMANDS = ["list", "add", "retire", "revoke"]
BY_BOB = ("--approver", "github:bob")


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


def run_module(
    environment: dict[str, str], *arguments: str, standard_input: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "registry", *arguments],
        stdin=standard_input,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def evaluate_here(run_here: Commands, world: World, candidate: int) -> str:
    """Evaluate and return the reference that the last line of the output is."""
    _, out = run_here("evaluate", str(candidate), "--rows", str(world.rows))
    return out.splitlines()[-1]


def test_the_commands_are_these() -> None:
    assert list(typer.main.get_group(app).commands) == COMMANDS
    assert list(typer.main.get_group(keys.app).commands) == KEYS_COMMANDS


@pytest.mark.parametrize(
    "command",
    [
        *([one] for one in COMMANDS if one != "keys"),
        *(["keys", one] for one in KEYS_COMMANDS),
    ],
    ids=" ".join,
)
def test_the_help_of_each_command_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    example = f"Example: python -m registry {' '.join(command)}"
    assert example in " ".join(result.output.split())


def test_without_a_command_the_help_is_shown(run: Commands) -> None:
    for arguments in ((), ("keys",)):
        _, out = run(*arguments)
        assert "--help" in out + run.error


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
    assert answer["tip"] == f"{world.trust.ledger_id}:1:{link.statement.digest}"


def test_a_refusal_is_one_line_and_exit_code_3_in_a_shell(world: World) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    done = run_module(world.environment, "promote", reference, "--approver", "github:alice")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "error: candidate 1 did not pass: floor.average_precision; train a better one"
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
    assert line == f"error: reading the ledger: no response from {uri} (Connection refused)"


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
    code, out = run_here("promote", reference, *BY_BOB)
    assert (code, out) == (
        0,
        "in Production already: version 1: promote of candidate 1 by github:alice\n",
    )


def test_evaluate_judges_the_staged_candidate_unless_told_another(
    run_here: Commands, world: World
) -> None:
    options = ("--rows", str(world.rows), "--json")
    assert run_here("evaluate", *options) == (2, "")
    assert "no candidate is in Staging" in run_here.error
    world.register()
    run_here("stage", "1")
    code, out = run_here("evaluate", *options)
    answer = json.loads(out)
    assert code == 0
    assert answer["candidate"]["version"] == 1
    assert [one["passed"] for one in answer["verdicts"]] == [True] * 13
    assert run_here("promote", answer["evidence"], *BY_BOB)[0] == 0


def test_the_shipped_policy_is_applied_unless_another_is_named(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate = ("evaluate", str(world.register()), "--rows", str(world.rows), "--json")
    monkeypatch.delenv("FRAUD_POLICY")
    _, out = run_here(*evaluate)
    assert json.loads(out)["policy"]["name"] == "default"
    code, out = run_here(*evaluate, "--policy", str(POLICY))
    answer = json.loads(out)
    assert (code, answer["policy"]["name"]) == (0, "test")
    assert run_here("promote", answer["evidence"], *BY_BOB) == (3, "")
    assert run_here.error.startswith("error: the evidence was judged under policy test (")
    assert run_here("promote", answer["evidence"], *BY_BOB, "--policy", str(POLICY))[0] == 0


def test_evaluate_exits_with_3_when_a_gate_fails(run_here: Commands, world: World) -> None:
    number = str(world.register(quality=0.0))
    code, out = run_here("evaluate", number, "--rows", str(world.rows))
    assert code == 3
    assert "12 of 13 checks passed: it cannot be promoted; train a better one" in out


def test_evaluate_says_on_standard_error_what_takes_time(world: World) -> None:
    number = str(world.register())
    done = run_module(world.environment, "evaluate", number, "--rows", str(world.rows), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["candidate"]["version"] == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("· ")]
    assert said[0].startswith("· downloading candidate 1 … ")
    assert all(re.search(r" … \d+\.\d s$", line) for line in said), said


def test_promote_as_json_is_the_entry(run_here: Commands, world: World) -> None:
    reference = evaluate_here(run_here, world, world.register())
    url = "https://example.com/runs/7"
    code, out = run_here("promote", reference, *BY_BOB, "--url", url, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["url"] == url
    assert answer["approver"] == "github:bob"
    assert answer["verdict"] == "13 of 13 checks passed"


def test_promote_without_terminal_and_approver_says_what_to_do(
    run_here: Commands, world: World
) -> None:
    reference = evaluate_here(run_here, world, world.register())
    assert run_here("promote", reference) == (2, "")
    assert run_here.error == (
        "error: nobody is at a terminal; say who approves with --approver realm:name"
    )
    assert world.ledger.chain == ()


def test_promote_at_a_terminal_is_approved_by_whoever_sits_there(
    world: World, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("four_eyes: true", "four_eyes: false"))
    environment = {**world.environment, "FRAUD_POLICY": str(policy), "LOGNAME": "alice"}
    number = str(world.register())
    judged = run_module(environment, "evaluate", number, "--rows", str(world.rows))
    controller, terminal = os.openpty()
    try:
        done = run_module(
            environment, "promote", judged.stdout.splitlines()[-1], standard_input=terminal
        )
    finally:
        os.close(controller)
        os.close(terminal)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "in Production: version 1: promote of candidate 1 by os:alice\n"


def test_four_eyes_in_a_shell_end_with_exit_code_3(run_here: Commands, world: World) -> None:
    reference = evaluate_here(run_here, world, world.register())
    assert run_here("promote", reference, "--approver", "github:carol") == (3, "")
    assert run_here.error.startswith("error: four eyes: github:carol is an author. ")


def test_promote_with_the_key_of_another_ledger_is_refused(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    other = ("--config", str(tmp_path / "other.yaml"), "--private-key", str(tmp_path / "other.pem"))
    run_here("init", *other)
    reference = evaluate_here(run_here, world, world.register())
    key = f"file2:{tmp_path / 'other.pem'}"
    assert run_here("promote", reference, *BY_BOB, "--signing-key", key) == (2, "")
    assert run_here.error.startswith("error: the signing key file2:… is not usable")
    assert world.ledger.chain == ()


def test_rollback_and_history(run_here: Commands, world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    assert run_here("rollback", *BY_BOB, "--reason", "false alerts") == (
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
    back = ("rollback", *BY_BOB, "--to", "2", "--reason", "it was not the model")
    code, out = run_here(*back, "--json")
    assert (code, json.loads(out)["candidate"]["version"]) == (0, 2)
    assert run_here(*back) == (
        0,
        "in Production already: version 4: rollback of candidate 2 by github:bob\n",
    )
    assert len(world.ledger.chain) == 4


def test_rollback_needs_a_reason(run_here: Commands, world: World) -> None:
    assert run_here("rollback") == (2, "")
    assert run_here("rollback", *BY_BOB, "--reason", "") == (2, "")
    assert run_here.error == "error: a rollback needs a reason; say it with --reason"


def test_rollback_without_terminal_and_approver_says_what_to_do(run_here: Commands) -> None:
    assert run_here("rollback", "--reason", "false alerts") == (2, "")
    assert run_here.error == (
        "error: nobody is at a terminal; say who approves with --approver realm:name"
    )


def test_freeze_and_unfreeze(run_here: Commands, world: World) -> None:
    world.put_in_production()
    reference = evaluate_here(run_here, world, world.register())
    assert run_here("freeze", *BY_BOB, "--reason", "change stop") == (
        0,
        "the ledger is frozen: version 2: freeze of candidate 1 by github:bob\n",
    )
    assert run_here("promote", reference, *BY_BOB) == (3, "")
    assert run_here.error == (
        "error: the ledger is frozen by github:bob: change stop; `registry unfreeze` first"
    )
    assert run_here("freeze", *BY_BOB, "--reason", "again") == (3, "")
    assert run_here.error == "error: the ledger is frozen already"
    url = "https://example.com/changes/7"
    options = ("--reason", "change stop is over", "--url", url, "--json")
    code, out = run_here("unfreeze", *BY_BOB, *options)
    answer = json.loads(out)
    assert (code, answer["action"], answer["ledger_version"]) == (0, "unfreeze", 3)
    assert (answer["comment"], answer["url"]) == ("change stop is over", url)
    assert run_here("promote", reference, *BY_BOB)[0] == 0


@pytest.mark.parametrize("command", ["freeze", "unfreeze"])
def test_freeze_and_unfreeze_need_a_reason_and_an_approver(
    run_here: Commands, command: str
) -> None:
    assert run_here(command, *BY_BOB) == (2, "")
    assert run_here(command, *BY_BOB, "--reason", "") == (2, "")
    assert run_here.error == f"error: to {command} needs a reason; say it with --reason"
    assert run_here(command, "--reason", "why not") == (2, "")
    assert run_here.error.startswith("error: nobody is at a terminal")


def test_history_as_csv(run_here: Commands, world: World) -> None:
    link = world.put_in_production()
    code, out = run_here("history", "--csv")
    assert code == 0
    entry = link.statement.entry
    assert list(csv.DictReader(io.StringIO(out, newline=""))) == [
        {
            "version": "1",
            "when": format_time(entry.approved_at),
            "action": "promote",
            "candidate": "1",
            "who": "github:alice",
            "policy": "test",
            "verdict": "13 of 13 checks passed",
            "why": "better",
            "evidence": str(entry.evidence),
        }
    ]


def test_history_names_what_is_not_in_the_chain(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    _, out = run_here("history")
    assert out.splitlines()[-1] == (
        "not in the chain: version 2 is passed over: it has no statement"
    )


def test_keys_list(run_here: Commands, world: World) -> None:
    code, out = run_here("keys", "list")
    assert code == 0
    (key,) = world.trust.keys
    assert out.splitlines()[1].split() == [
        key.keyid[:12],
        "ecdsa-sha2-nistp256",
        "1",
        "in",
        "use",
    ]
    code, out = run_here("keys", "list", "--json")
    assert (code, Trust.model_validate_json(out)) == (0, world.trust)


def test_keys_of_an_id_that_is_none_are_said_clearly(run_here: Commands, world: World) -> None:
    assert run_here("keys", "revoke", "zz", "--last", "0") == (2, "")
    assert run_here.error == (
        "error: 0 keys have an id that starts with 'zz'; there are "
        f"{world.trust.keys[0].keyid[:12]}"
    )


def test_a_key_is_revoked_with_0_and_not_with_less(run_here: Commands, world: World) -> None:
    world.put_in_production()
    start = world.trust.keys[0].keyid[:8]
    assert run_here("keys", "revoke", start, "--last", "-1") == (2, "")
    code, out = run_here("keys", "revoke", start, "--last", "0")
    assert code == 0
    assert out.splitlines()[-1] == (
        f"key {world.trust.keys[0].keyid[:12]} may sign up to sequence 0"
    )
    assert run_here("status") == (3, "")
    assert "is signed past its key's last sequence; nothing is in force" in run_here.error


@pytest.mark.usefixtures("no_evidence")
def test_status_says_what_is_where(run_here: Commands, world: World) -> None:
    assert run_here("status") == (0, "Staging:    nothing\nProduction: nothing\n")
    digest = world.put_in_production().statement.digest
    world.register()
    run_here("stage", "2")
    assert run_here("status") == (
        0,
        "Staging:    candidate 2\n"
        "Production: version 1: promote of candidate 1 by github:alice\n"
        f"tip:        {world.trust.ledger_id}:1:{digest}\n",
    )


def test_status_shows_what_is_in_flight_and_that_the_ledger_is_frozen(
    run_here: Commands, world: World
) -> None:
    world.put_in_production()
    run = evaluate_here(run_here, world, world.register(quality=0.99)).split("@")[0]
    run_here("freeze", *BY_BOB, "--reason", "change stop")
    assert run_here("status") == (
        0,
        "Staging:    nothing\n"
        "Production: version 1: promote of candidate 1 by github:alice (frozen)\n"
        f"in flight:  fraud-detector/2 passed its gates in evidence run {run}\n"
        f"tip:        {Tip.of(world.ledger)}\n",
    )
    _, out = run_here("status", "--json")
    answer = json.loads(out)
    assert answer["frozen"] is True
    assert answer["in_flight"] == [{"evidence_run": run, "candidate": "fraud-detector/2"}]


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
        f"tip:        {Tip.of(world.ledger)}",
    ]


def test_verify_finds_nothing_wrong_with_a_sound_ledger(run_here: Commands, world: World) -> None:
    assert run_here("verify") == (0, "0 entries, 0 problems\n")
    world.put_in_production()
    tip = f"{world.trust.ledger_id}:2:{world.put_in_production().statement.digest}"
    assert run_here("verify") == (0, f"tip:     {tip}\n2 entries, 0 problems\n")
    code, out = run_here("verify", "--json")
    assert (code, json.loads(out)) == (0, {"entries": 2, "problems": [], "stale": [], "tip": tip})


def test_verify_names_a_version_that_nobody_signed(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    assert run_here("verify") == (
        3,
        "problem: version 2 is passed over: it has no statement\n"
        f"tip:     {Tip.of(world.ledger)}\n"
        "1 entries, 1 problems\n",
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
            "tip": str(Tip.of(world.ledger)),
        },
    )


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_what_is_stale_is_put_right_by_the_command_that_verify_names(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """After a rollback the evidence that was promoted last is not in force any more."""
    world.put_in_production()
    version = 2
    world.put_in_production(threshold=0.25)
    if command == "rollback":
        run_here("rollback", *BY_BOB, "--reason", "false alerts")
        version = 3
    entries = world.ledger.chain
    world.client.set_registered_model_alias(PRODUCTION, "production", "1")
    monkeypatch.delenv("FRAUD_SIGNING_KEY")
    words = f"alias production is on version 1, the head is {version}"
    code, out = run_here("verify")
    assert (code, out.splitlines()[0]) == (0, f"stale:   {words}; `registry repair` puts it right")
    assert run_here("repair") == (0, f"put right: {words}\n1 stale\n")
    code, out = run_here("repair", "--json")
    assert (code, json.loads(out)) == (0, {"repaired": []})
    assert "stale" not in run_here("verify")[1]
    assert world.ledger.chain == entries


READING = [
    ("status",),
    ("history",),
    ("verify",),
    ("repair",),
    ("keys", "retire", "", "--last", "9"),
    ("rollback", *BY_BOB, "--reason", "false alerts"),
    ("freeze", *BY_BOB, "--reason", "change stop"),
    ("unfreeze", *BY_BOB, "--reason", "it is over"),
]


def test_below_the_floor_every_command_refuses(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head is deleted: without a floor nothing shows that it was ever there."""
    world.put_in_production()
    reference = evaluate_here(run_here, world, world.register(quality=0.99))
    number = world.register(threshold=0.25)
    world.put_in_production(threshold=0.25)
    _, out = run_here("status", "--json")
    tip = json.loads(out)["tip"]
    assert [line for line in run_here("verify")[1].splitlines() if tip in line] == [
        f"tip:     {tip}"
    ]
    world.client.delete_model_version(PRODUCTION, "2")
    assert run_here("verify")[0] == 0

    monkeypatch.setenv("FRAUD_LEDGER_FLOOR", tip)
    kept = world.config.read_text()
    refused = (
        "error: the ledger does not extend what is remembered of it: entry 2 of ledger "
        f"{world.trust.ledger_id} was {tip[-64:-52]}; now it ends with entry 1 (version 1: promote "
        "of candidate 1 by github:alice). Entries were deleted or replaced: "
    )
    promote = ("promote", reference, *BY_BOB)
    evaluate = ("evaluate", str(number), "--rows", str(world.rows))
    for command in (*READING, promote, evaluate):
        assert run_here(*command) == (3, ""), command
        assert run_here.error.startswith(refused), command
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1
    assert world.config.read_text() == kept


def test_above_the_floor_promotions_go_on(run_here: Commands, world: World) -> None:
    world.put_in_production()
    floor = ("--floor", str(Tip.of(world.ledger)))
    reference = evaluate_here(run_here, world, world.register(threshold=0.25))
    assert run_here("promote", reference, *BY_BOB, *floor)[0] == 0
    assert run_here("rollback", *BY_BOB, "--reason", "false alerts", *floor)[0] == 0
    assert run_here("verify", *floor)[0] == 0


def test_a_floor_that_is_no_tip_is_wrong_use(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_LEDGER_FLOOR", "2")
    assert run_here("status") == (2, "")
    assert run_here.error == (
        "error: '2' is not LEDGER_ID:SEQUENCE:SHA256; copy the tip that `registry status` prints"
    )


def test_the_key_of_the_floor_can_be_added_by_a_reader_that_lacks_it(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    other, pem = tmp_path / "other.yaml", tmp_path / "other.pub"
    signer = CryptoSigner.generate_ecdsa()
    world.put_in_production()
    pem.write_text(signer.public_key.keyval["public"])
    other.write_text(world.config.read_text())
    add = ("keys", "add", str(pem), "--first", "2")
    assert run_here(*add)[0] == 0
    trust = read_trust(world.config)
    set_frozen(world.client, trust, signer, "freeze", Approval("github:bob", "change stop"))
    floor = ("--floor", str(Tip.of(read_ledger(world.client, trust))))
    assert run_here("status", *floor, "--config", str(other)) == (3, "")
    assert run_here(*add, *floor, "--config", str(other))[0] == 0
    assert run_here("status", *floor, "--config", str(other))[0] == 0


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

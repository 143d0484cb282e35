"""Help, exit codes and one-line errors of all commands, and the commands that only read."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deploy.local.processes import free_port
from registry.cli import keys
from registry.cli.main import app
from registry.ledger.statement import format_time
from registry.ledger.tip import Tip
from registry.tracking.names import PRODUCTION
from tests.registry.cli.commands import (
    BY_BOB,
    Commands,
    append_by_hand,
    evaluate_here,
    run_module,
)
from tests.world import PROMOTED, World

COMMANDS = [
    "init",
    "stage",
    "evaluate",
    "repair",
    "plan",
    "promote",
    "rollback",
    "freeze",
    "unfreeze",
    "watch",
    "compare",
    "prune",
    "status",
    "history",
    "verify",
    "keys",
]
KEYS_COMMANDS = ["list", "add", "retire", "revoke", "recover"]


def test_the_commands_are_these() -> None:
    assert list(typer.main.get_group(app).commands) == COMMANDS
    assert list(typer.main.get_group(keys.app).commands) == KEYS_COMMANDS


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in COMMANDS if name != "keys"),
        *(["keys", name] for name in KEYS_COMMANDS),
    ],
    ids=" ".join,
)
def test_the_help_of_each_command_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    example = f"Example: python -m registry {' '.join(command)}"
    assert example in " ".join(result.output.split())


def since(world: World) -> str:
    """The line of `status` on the head."""
    head = world.ledger.head
    assert head is not None
    entry = head.statement.entry
    return f"            since {format_time(entry.approved_at)}: {entry.comment}".removesuffix(": ")


def test_without_a_command_the_help_is_shown(run: Commands) -> None:
    for arguments in ((), ("keys",)):
        _, out = run(*arguments)
        assert "--help" in out + run.error


def test_the_help_names_the_exit_codes() -> None:
    output = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    assert "0 success, 2 invalid usage or input, 3 refused by a gate or by verification" in output


def test_status_as_json_from_a_shell(world: World) -> None:
    link = world.put_in_production()
    done = run_module(world.environment, "status", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert answer["production"]["ledger_version"] == 1
    assert answer["production"]["statement"] == link.statement.digest
    assert (answer["staging"], answer["findings"]) == (None, [])
    assert answer["tip"] == f"{world.trust.ledger_id}:1:{link.statement.digest}"


def test_an_unreachable_server_is_reported_soon(world: World) -> None:
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


def test_a_missing_setting_is_reported(run: Commands) -> None:
    assert run("status") == (2, "")
    assert run.error.startswith("error: set MLFLOW_TRACKING_URI to the tracking server's address")


def test_an_unknown_option_is_wrong_use(run: Commands) -> None:
    code, out = run("status", "--nonsense")
    assert (code, out) == (2, "")


def test_a_missing_ledger_configuration_says_how_to_make_one(
    run_here: Commands, tmp_path: Path
) -> None:
    assert run_here("status", "--config", str(tmp_path / "x")) == (2, "")
    assert "create a new ledger with `python -m registry init`" in run_here.error


def test_without_configuration_and_server_nothing_is_said_of_a_new_ledger(
    run: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for command in ("status", "init"):
        arguments = ("--tracking-uri", "http://127.0.0.1:1", "--config", str(tmp_path / "x"))
        assert run(command, *arguments) == (2, "")
        assert run.error.startswith(
            "error: reading the ledger: no response from http://127.0.0.1:1"
        )


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
            "verdict": PROMOTED,
            "why": "better",
            "evidence": str(entry.evidence),
        }
    ]


def test_history_names_versions_outside_the_chain(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    _, out = run_here("history")
    assert out.splitlines()[-1] == (
        "not in the chain: version 2 is passed over: it has no statement"
    )


def test_status_lists_staging_production_and_tip(run_here: Commands, world: World) -> None:
    assert run_here("status") == (0, "Staging:    nothing\nProduction: nothing\n")
    digest = world.put_in_production().statement.digest
    world.register()
    run_here("stage", "2")
    assert run_here("status") == (
        0,
        "Staging:    candidate 2\n"
        "Production: version 1: promote of candidate 1 by github:alice\n"
        f"{since(world)}\n"
        f"            {PROMOTED}\n"
        f"tip:        {world.trust.ledger_id}:1:{digest}\n",
    )


def test_status_lists_pending_candidates_and_a_frozen_ledger(
    run_here: Commands, world: World
) -> None:
    world.put_in_production()
    run = evaluate_here(run_here, world, world.register(quality=0.99)).split("@")[0]
    run_here("freeze", *BY_BOB, "--reason", "change stop")
    assert run_here("status") == (
        0,
        "Staging:    nothing\n"
        "Production: version 1: promote of candidate 1 by github:alice (frozen)\n"
        f"{since(world)}\n"
        f"            {PROMOTED}\n"
        f"pending:    fraud-detector/2 passed its gates in evidence run {run}\n"
        f"tip:        {Tip.of(world.ledger)}\n",
    )
    _, out = run_here("status", "--json")
    answer = json.loads(out)
    assert answer["frozen"] is True
    assert answer["pending"] == [{"evidence_run": run, "candidate": "fraud-detector/2"}]


def test_status_warns_of_an_unsigned_version(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    code, out = run_here("status")
    assert code == 0
    assert out.splitlines()[1:] == [
        "Production: version 1: promote of candidate 1 by github:alice",
        since(world),
        f"            {PROMOTED}",
        "warning:    version 2 is passed over: it has no statement",
        f"tip:        {Tip.of(world.ledger)}",
    ]


def test_verify_finds_no_problem_in_an_intact_ledger(run_here: Commands, world: World) -> None:
    assert run_here("verify") == (0, "0 entries, 0 problems\n")
    world.put_in_production()
    tip = f"{world.trust.ledger_id}:2:{world.put_in_production().statement.digest}"
    assert run_here("verify") == (0, f"tip:     {tip}\n2 entries, 0 problems\n")
    code, out = run_here("verify", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"entries": 2, "problems": [], "stale": [], "tip": tip, "remembered": 0, "warnings": []},
    )


def test_verify_downloads_no_older_files_again_that_it_remembers(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    for _ in range(2):
        world.put_in_production()
    remember = f"--remember={tmp_path / 'verified.txt'}"
    assert run_here("verify", remember)[1].endswith("\n2 entries, 0 problems\n")
    assert run_here("verify", remember)[1].endswith(
        "\n1 entries were verified before (--remember)\n2 entries, 0 problems\n"
    )


def test_verify_names_an_unsigned_version(run_here: Commands, world: World) -> None:
    append_by_hand(world)
    assert run_here("verify") == (
        3,
        "problem: version 2 is passed over: it has no statement\n"
        f"tip:     {Tip.of(world.ledger)}\n"
        "1 entries, 1 problems\n",
    )


def test_verify_reports_a_moved_alias_as_stale_and_not_as_a_problem(
    run_here: Commands, world: World
) -> None:
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
            "remembered": 0,
            "warnings": [],
        },
    )


READING_COMMANDS = [
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
    config = world.config.read_text()
    refused = (
        "error: the ledger does not extend the remembered tip: entry 2 of ledger "
        f"{world.trust.ledger_id} was {tip[-64:-52]}; now it ends with entry 1 (version 1: promote "
        "of candidate 1 by github:alice). Entries were deleted or replaced: "
    )
    promote = ("promote", reference, *BY_BOB)
    evaluate = ("evaluate", str(number), "--rows", str(world.rows))
    for command in (*READING_COMMANDS, promote, evaluate):
        assert run_here(*command) == (3, ""), command
        assert run_here.error.startswith(refused), command
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1
    assert world.config.read_text() == config


def test_above_the_floor_promotions_go_on(run_here: Commands, world: World) -> None:
    world.put_in_production()
    floor = ("--floor", str(Tip.of(world.ledger)))
    reference = evaluate_here(run_here, world, world.register(threshold=0.25))
    assert run_here("promote", reference, *BY_BOB, *floor)[0] == 0
    assert run_here("rollback", *BY_BOB, "--reason", "false alerts", *floor)[0] == 0
    assert run_here("verify", *floor)[0] == 0


def test_a_floor_that_is_not_a_tip_is_wrong_use(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_LEDGER_FLOOR", "2")
    assert run_here("status") == (2, "")
    assert run_here.error == (
        "error: '2' is not LEDGER_ID:SEQUENCE:SHA256; copy the tip that `registry status` prints"
    )


def test_a_broken_ledger_has_no_status_and_verify_names_the_break(
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

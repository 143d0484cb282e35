"""The commands that sign an entry."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.registry.cli.commands import BY_BOB, Commands, evaluate_here, run_module
from tests.world import POLICY, PROMOTED, World


def test_a_refusal_is_one_line_and_exit_code_3_in_a_shell(world: World) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    done = run_module(world.environment, "promote", reference, "--approver", "github:alice")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "error: candidate 1 did not pass: floor.average_precision, decisions.threshold_recall; "
        "train a better one"
    )
    assert "Traceback" not in done.stderr


def test_promote_as_json_is_the_entry(run_here: Commands, world: World) -> None:
    reference = evaluate_here(run_here, world, world.register())
    url = "https://example.com/runs/7"
    code, out = run_here("promote", reference, *BY_BOB, "--url", url, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["url"] == url
    assert answer["approver"] == "github:bob"
    assert answer["verdict"] == PROMOTED


def test_promote_without_a_terminal_needs_an_approver(run_here: Commands, world: World) -> None:
    reference = evaluate_here(run_here, world, world.register())
    assert run_here("promote", reference) == (2, "")
    assert run_here.error == (
        "error: standard input is not a terminal; name the approver with --approver realm:name"
    )
    assert world.ledger.chain == ()


def test_at_a_terminal_the_approver_is_the_user(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("four_eyes: true", "four_eyes: false"))
    environment = {**world.environment, "FRAUD_POLICY": str(policy), "LOGNAME": "alice"}
    number = str(world.register())
    evaluated = run_module(environment, "evaluate", number, "--rows", str(world.rows))
    controller, terminal = os.openpty()
    try:
        done = run_module(
            environment, "promote", evaluated.stdout.splitlines()[-1], standard_input=terminal
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
    origin = (tmp_path / "provenance.yaml", tmp_path / "training-key.pem")
    run_here("init", *other, "--provenance", str(origin[0]), "--training-key", str(origin[1]))
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
        (entry["sequence"], entry["action"], entry["approver"], entry["comment"])
        for entry in json.loads(out)
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
        "already in Production: version 4: rollback of candidate 2 by github:bob\n",
    )
    assert len(world.ledger.chain) == 4


def test_a_rollback_of_one_tip_is_refused_once_another_entry_was_appended(
    run_here: Commands, world: World
) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    _, out = run_here("status", "--json")
    tip = json.loads(out)["tip"]
    assert json.loads(out)["production"]["tip"] == tip
    back = ("rollback", *BY_BOB, "--reason", "the watch failed", "--if-tip", tip)
    assert run_here(*back)[0] == 0
    assert run_here(*back) == (3, "")
    assert run_here.error == (
        "error: another entry was appended meanwhile: version 3: rollback of candidate 1 by "
        "github:bob; see `registry history`"
    )
    assert len(world.ledger.chain) == 3


def test_rollback_needs_a_reason(run_here: Commands, world: World) -> None:
    assert run_here("rollback") == (2, "")
    assert run_here("rollback", *BY_BOB, "--reason", "") == (2, "")
    assert run_here.error == "error: a rollback needs a reason; give it with --reason"


def test_rollback_without_a_terminal_needs_an_approver(run_here: Commands) -> None:
    assert run_here("rollback", "--reason", "false alerts") == (2, "")
    assert run_here.error == (
        "error: standard input is not a terminal; name the approver with --approver realm:name"
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
        "error: the ledger is frozen by github:bob: change stop; run `registry unfreeze` first"
    )
    assert run_here("freeze", *BY_BOB, "--reason", "again") == (3, "")
    assert run_here.error == "error: the ledger is already frozen"
    url = "https://example.com/changes/7"
    options = ("--reason", "change stop is over", "--url", url, "--json")
    code, out = run_here("unfreeze", *BY_BOB, *options)
    answer = json.loads(out)
    assert (code, answer["action"], answer["ledger_version"]) == (0, "unfreeze", 3)
    assert (answer["comment"], answer["url"]) == ("change stop is over", url)
    assert run_here("promote", reference, *BY_BOB) == (3, "")
    assert "four eyes: github:bob unfroze it in entry 3" in run_here.error
    assert run_here("promote", reference, "--approver", "github:dave")[0] == 0


@pytest.mark.parametrize("command", ["freeze", "unfreeze"])
def test_freeze_and_unfreeze_need_a_reason_and_an_approver(
    run_here: Commands, command: str
) -> None:
    assert run_here(command, *BY_BOB) == (2, "")
    assert run_here(command, *BY_BOB, "--reason", "") == (2, "")
    assert run_here.error == f"error: `{command}` needs a reason; give it with --reason"
    assert run_here(command, "--reason", "why not") == (2, "")
    assert run_here.error.startswith("error: standard input is not a terminal")


def test_plan_and_history(run_here: Commands, world: World) -> None:
    number = str(world.register())
    reason = ("--reason", "monthly release")
    assert run_here("plan", number, "--rows", str(world.rows), *BY_BOB, *reason) == (
        0,
        "planned: version 1: plan of candidate 1 by github:bob\n",
    )
    period = ("--dataset", "test", "--from", "2026-04-01T00:00Z", "--until", "2026-05-01T00:00Z")
    code, out = run_here("plan", number, *period, *BY_BOB, *reason, "--json")
    answer = json.loads(out)
    assert (code, answer["action"], answer["sequence"]) == (0, "plan", 2)
    assert (answer["verdict"], answer["comment"]) == ("planned", "monthly release")
    evaluated = run_here("evaluate", number, "--rows", str(world.rows))[1]
    assert "It was planned at 20" in evaluated
    assert run_here("promote", evaluated.splitlines()[-1], *BY_BOB)[0] == 0
    _, out = run_here("history", "--json")
    actions = [entry["action"] for entry in json.loads(out)]
    assert actions == ["plan", "plan", "promote"]
    assert "planned" in run_here("history")[1]
    assert "Production: version 3: promote" in run_here("status")[1]
    assert run_here("verify")[0] == 0


@pytest.mark.parametrize(
    "data",
    [
        (),
        ("--dataset", "test"),
        ("--dataset", "test", "--from", "2026-04-01T00:00Z"),
        ("--rows", "rows.parquet", "--dataset", "test"),
        ("--rows", "rows.parquet", "--until", "2026-04-01T00:00Z"),
    ],
)
def test_a_plan_names_a_file_of_rows_or_a_period(
    run_here: Commands, world: World, data: tuple[str, ...]
) -> None:
    assert run_here("plan", "1", *data, *BY_BOB, "--reason", "monthly") == (2, "")
    assert run_here.error == ("error: give either --rows, or --dataset with --from and --until")
    assert world.ledger.chain == ()


def test_status_with_a_plan_alone_shows_nothing_in_production(
    run_here: Commands, world: World
) -> None:
    world.plan(world.register())
    code, out = run_here("status")
    assert code == 0
    assert "Production: nothing\n" in out
    assert f"tip:        {world.trust.ledger_id}:1:" in out

"""The commands that change something and sign nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from registry.tracking.names import PRODUCTION
from tests.registry.cli.commands import BY_BOB, Commands, evaluate_here, run_module
from tests.world import POLICY, World


def test_init_makes_a_ledger_and_prints_where_it_is(run: Commands, tmp_path: Path) -> None:
    config, key = tmp_path / "ledger.yaml", tmp_path / "key.pem"
    provenance, training_key = tmp_path / "provenance.yaml", tmp_path / "training-key.pem"
    arguments = ["init", "--config", str(config), "--private-key", str(key)]
    arguments += ["--provenance", str(provenance), "--training-key", str(training_key)]
    code, out = run(*arguments)
    assert code == 0
    ledger, origin = out.splitlines()
    assert ledger.endswith(f": configuration {config}, signing key {key}")
    assert origin == f"provenance: configuration {provenance}, training key {training_key}"
    assert run(*arguments) == (2, "")
    assert run.error.endswith("already exists; delete it first if it is no longer needed")


def test_stage_prints_what_is_in_staging(run_here: Commands, world: World) -> None:
    world.register()
    assert run_here("stage", "1") == (
        0,
        "candidate 1 is in Staging; evaluate it with `registry evaluate`\n",
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
        "already in Production: version 1: promote of candidate 1 by github:alice\n",
    )


def test_evaluate_takes_the_staged_candidate_by_default(run_here: Commands, world: World) -> None:
    options = ("--rows", str(world.rows), "--json")
    assert run_here("evaluate", *options) == (2, "")
    assert "no candidate is in Staging" in run_here.error
    world.register()
    run_here("stage", "1")
    code, out = run_here("evaluate", *options)
    answer = json.loads(out)
    assert code == 0
    assert answer["candidate"]["version"] == 1
    assert [verdict["passed"] for verdict in answer["verdicts"]] == [True] * 20
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
    assert run_here.error.startswith("error: the evidence was made under policy test (")
    assert run_here("promote", answer["evidence"], *BY_BOB, "--policy", str(POLICY))[0] == 0


def test_evaluate_exits_with_3_when_a_gate_fails(run_here: Commands, world: World) -> None:
    number = str(world.register(quality=0.0))
    code, out = run_here("evaluate", number, "--rows", str(world.rows))
    assert code == 3
    assert (
        "18 of 20 checks passed; its origin is only claimed: it cannot be promoted; train a better "
        "one" in out
    )


def test_evaluate_prints_its_steps_on_standard_error(world: World) -> None:
    number = str(world.register())
    done = run_module(world.environment, "evaluate", number, "--rows", str(world.rows), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["candidate"]["version"] == 1
    steps = [line for line in done.stderr.splitlines() if line.startswith("· ")]
    assert steps[0].startswith("· downloading candidate 1 … ")
    assert all(re.search(r" … \d+\.\d s$", line) for line in steps), steps


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_repair_sets_what_verify_reports_as_stale(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """After a rollback the evidence that was promoted last is no longer in force."""
    world.put_in_production()
    version = 2
    world.put_in_production(threshold=0.25)
    if command == "rollback":
        run_here("rollback", *BY_BOB, "--reason", "false alerts")
        version = 3
    entries = world.ledger.chain
    world.client.set_registered_model_alias(PRODUCTION, "production", "1")
    monkeypatch.delenv("FRAUD_SIGNING_KEY")
    problem = f"alias production is on version 1, the head is {version}"
    code, out = run_here("verify")
    assert (code, out.splitlines()[0]) == (0, f"stale:   {problem}; run `registry repair`")
    assert run_here("repair") == (0, f"repaired: {problem}\n1 stale\n")
    code, out = run_here("repair", "--json")
    assert (code, json.loads(out)) == (0, {"repaired": []})
    assert "stale" not in run_here("verify")[1]
    assert world.ledger.chain == entries

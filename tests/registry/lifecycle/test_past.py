"""Which plan an evaluation follows, and when it does not count."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from registry.evaluation.evidence import Evidence
from registry.ledger.keys import with_last
from registry.ledger.manifest import Manifest
from registry.lifecycle.earlier import evaluations
from registry.lifecycle.past import Plans, evaluated_before, first_plan, plan_ref, problem_with_plan
from registry.lifecycle.plan import planned_query
from registry.tracking.client import read_ledger
from tests.candidates import rewrite_rows
from tests.world import POLICY, World

ALLOWANCE = timedelta(minutes=5)
APRIL = planned_query("test", "2026-04-01T00:00Z", "2026-05-01T00:00Z")


@pytest.fixture
def asks_for_a_plan(tmp_path: Path) -> Path:
    """The tests' policy with the gate `plan`."""
    path = tmp_path / "planned.yaml"
    path.write_text(POLICY.read_text() + "  plan: {}\n")
    return path


def blocking(evidence: Evidence) -> dict[str, str]:
    return {verdict.gate: verdict.note for verdict in evidence.blocking}


def problem(world: World, evidence: Evidence) -> str:
    return problem_with_plan(Plans(world.client, world.ledger), evidence, ALLOWANCE)


def test_an_evaluation_that_was_planned_passes_and_can_be_promoted(
    world: World, asks_for_a_plan: Path
) -> None:
    number = world.register()
    link = world.plan(number, asks_for_a_plan)
    reference, evidence = world.evaluate(number, asks_for_a_plan)
    assert blocking(evidence) == {}
    assert evidence.plan == plan_ref(link)
    assert (evidence.plan.sequence, evidence.plan.statement) == (1, link.statement.digest)
    head = world.promote(reference, policy=asks_for_a_plan)
    assert (head.statement.entry.sequence, world.ledger.head) == (2, head)


def test_it_can_be_evaluated_again_under_its_plan(world: World, asks_for_a_plan: Path) -> None:
    number = world.register()
    world.plan(number, asks_for_a_plan, APRIL)
    for _ in range(2):
        _, evidence = world.evaluate(number, asks_for_a_plan)
        assert blocking(evidence) == {}


@pytest.mark.parametrize("other", ["candidate", "policy", "rows", "data set", "period"])
def test_a_plan_of_something_else_does_not_count(
    world: World, asks_for_a_plan: Path, tmp_path: Path, other: str
) -> None:
    number = world.register()
    data = planned_query("test", "2026-04-02T00:00Z", "2026-05-01T00:00Z")
    rows = world.rows
    if other == "candidate":
        world.plan(world.register(0.9), asks_for_a_plan)
    elif other == "policy":
        world.plan(number, POLICY)
    elif other == "period":
        world.plan(number, asks_for_a_plan, data)
    else:
        world.plan(number, asks_for_a_plan, APRIL if other == "data set" else None)
        rows = rewrite_rows(world.rows, tmp_path / "rewritten.parquet")
    _, evidence = world.evaluate(number, asks_for_a_plan, rows)
    assert evidence.plan is None
    assert blocking(evidence) == {
        "plan": "there is no plan of this candidate, policy and rows; run `registry plan` before "
        "the next evaluation"
    }


def test_of_several_plans_the_first_counts(world: World) -> None:
    number = world.register()
    first, second = world.plan(number), world.plan(number, data=APRIL)
    _, evidence = world.evaluate(number)
    assert evidence.plan == plan_ref(first)
    assert evidence.plan != plan_ref(second)


def test_a_plan_past_its_keys_last_sequence_does_not_count(world: World) -> None:
    number = world.register()
    link = world.plan(number)
    _, evidence = world.evaluate(number)
    (key,) = world.trust.keys
    revoked = with_last(world.trust, key, 0, revoked=True)
    ledger = read_ledger(world.client, revoked)
    assert ledger.chain[0].statement == link.statement
    files = Manifest(evidence.model_files)
    assert first_plan(Plans(world.client, ledger), files, evidence.policy, evidence.rows) is None
    assert "is not in the ledger" in problem_with_plan(
        Plans(world.client, ledger), evidence, ALLOWANCE
    )


def test_a_plan_that_evidence_names_must_be_in_the_ledger_as_it_names_it(world: World) -> None:
    number = world.register()
    world.plan(number)
    _, evidence = world.evaluate(number)
    assert evidence.plan
    assert problem(world, evidence) == ""
    missing = "its plan (entry 1) is not in the ledger as a plan of this candidate, policy and rows"
    for change in (
        {"plan": evidence.plan.model_copy(update={"statement": "0" * 64})},
        {"rows": evidence.rows.model_copy(update={"sha256": "0" * 64})},
        {"policy": evidence.policy.model_copy(update={"sha256": "0" * 64})},
        {"files": {"model/model.onnx": "0" * 64}},
    ):
        assert problem(world, evidence.model_copy(update=change)) == missing


def test_a_plan_must_be_signed_before_the_evaluation_but_for_the_clocks(world: World) -> None:
    number = world.register()
    signed_at = world.plan(number).statement.entry.approved_at
    _, evidence = world.evaluate(number)
    for minutes, expected in ((5, ""), (6, "its plan (entry 1) came after the evaluation")):
        earlier = {"evaluated_at": signed_at - timedelta(minutes=minutes)}
        assert problem(world, evidence.model_copy(update=earlier)) == expected


def test_evidence_without_a_plan_has_no_problem_with_one(world: World) -> None:
    _, evidence = world.evaluate(world.register())
    assert problem(world, evidence) == ""


def test_an_evaluation_before_the_plan_is_found_unless_it_names_the_plan(world: World) -> None:
    number = world.register()
    link = world.plan(number)
    _, evidence = world.evaluate(number)
    found = first_plan(
        Plans(world.client, world.ledger),
        Manifest(evidence.model_files),
        evidence.policy,
        evidence.rows,
    )
    assert found
    (one,) = evaluations(world.client)
    second = timedelta(seconds=1)
    signed_at = link.statement.entry.approved_at
    for started_at, plan, is_before in (
        (signed_at - second, "", True),
        (signed_at + timedelta(milliseconds=999), "", True),  # an entry's time is to the second
        (signed_at + second, "", False),
        (signed_at - second, link.statement.digest, False),  # the planner's clock is ahead
    ):
        past = [type(one)(**{**vars(one), "started_at": started_at, "plan": plan})]
        assert (evaluated_before(*found, past) is not None) is is_before

"""Plans on a real tracking server: what is signed, and what must not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import NotFound, Refused, UsageError, VerificationError
from registry.evaluation.plan import PlannedQuery
from registry.ledger.manifest import sha256_of
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.plan import plan, planned_file, planned_query
from registry.lifecycle.verify import verify
from registry.tracking.names import PRODUCTION
from tests.candidates import rewrite_rows, saved_model
from tests.world import POLICY, World

BOB = Approval("github:bob", "monthly release")


def test_a_plan_is_the_first_entry_of_an_empty_ledger(world: World) -> None:
    link = world.plan(world.register())
    entry = link.statement.entry
    assert (entry.action, entry.sequence, entry.supersedes) == ("plan", 1, None)
    assert (entry.verdict, entry.approver, entry.comment) == (
        "planned",
        "github:bob",
        "monthly release",
    )
    assert (entry.policy.name, entry.policy.sha256) == ("test", sha256_of(POLICY))
    assert entry.candidate.version == 1
    assert link.statement.files["model.onnx"] == sha256_of(saved_model(1.0) / "model.onnx")
    ledger = world.ledger
    assert (ledger.tip, ledger.head, ledger.models, ledger.findings) == (link, None, (), ())


def test_its_run_is_finished_and_holds_the_plan_and_the_policy_but_no_model(world: World) -> None:
    entry = world.plan(world.register()).statement.entry
    run = world.client.get_run(entry.evidence.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "plan-of-candidate-1")
    assert run.data.tags["candidate"] == "fraud-detector/1"
    assert entry.source == run.info.artifact_uri
    folder = world.server.stored(entry.source)
    assert sorted(path.name for path in folder.iterdir()) == ["plan.json", "policy.yaml"]
    assert sha256_of(folder / "plan.json") == entry.evidence.sha256
    assert (folder / "policy.yaml").read_bytes() == POLICY.read_bytes()


def test_a_plan_changes_neither_the_model_in_force_nor_what_people_see_of_it(world: World) -> None:
    head = world.put_in_production()
    world.plan(world.register(0.9), data=planned_query("test", "2026-05-01T00Z", "2026-06-01T00Z"))
    assert world.ledger.head == head
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "1"}
    assert verify(world.client, world.ledger).problems == ()


def test_a_plan_is_possible_while_frozen(world: World) -> None:
    world.put_in_production()
    set_frozen(world.client, world.trust, world.signer, "freeze", BOB)
    link = world.plan(world.register(0.9))
    assert world.ledger.tip == link
    assert world.ledger.frozen


@pytest.mark.parametrize("rewritten", [False, True])
def test_what_was_evaluated_already_cannot_be_planned(
    world: World, tmp_path: Path, rewritten: bool
) -> None:
    number = world.register()
    world.evaluate(number)
    rows = rewrite_rows(world.rows, tmp_path / "rewritten.parquet") if rewritten else world.rows
    with pytest.raises(Refused, match="candidate 1 was evaluated on this data already, at 20"):
        world.plan(number, data=planned_file(rows))
    with pytest.raises(Refused, match="evaluated on this data already"):
        world.plan(number, data=planned_query("any", "2026-04-05T00Z", "2026-04-06T00Z"))
    assert world.ledger.chain == ()


def test_another_candidate_and_another_period_can_still_be_planned(world: World) -> None:
    number = world.register()
    world.evaluate(number)
    world.plan(world.register(0.9))
    world.plan(number, data=planned_query("test", "2026-05-01T00Z", "2026-06-01T00Z"))
    assert [link.statement.entry.candidate.version for link in world.ledger.chain] == [2, 1]


def test_a_plan_needs_a_reason_and_a_candidate(world: World) -> None:
    data, silent = planned_file(world.rows), Approval("github:bob")
    with pytest.raises(UsageError, match="a plan needs a reason; give it with --reason"):
        plan(world.client, world.trust, world.signer, "1", POLICY, data, silent)
    with pytest.raises(NotFound):
        world.plan(7)
    assert world.ledger.chain == ()


def test_nothing_is_planned_on_a_broken_ledger(world: World) -> None:
    number = world.register()
    world.put_in_production()
    world.put_in_production()
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken"):
        world.plan(number)


@pytest.mark.parametrize(
    ("start", "until", "reason"),
    [
        ("2026-05-01", "2026-06-01", "Input should have timezone info"),
        ("soon", "2026-06-01T00:00Z", "Invalid isoformat string: 'soon'"),
        ("2026-06-01T00:00Z", "2026-05-01T00:00Z", "its end is not after its start"),
    ],
)
def test_a_period_needs_two_times_with_their_zone(start: str, until: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        planned_query("payments", start, until)
    assert str(error.value) == (
        f"{start} until {until} is not a period: {reason}; write times as 2026-05-01T00:00Z"
    )


def test_a_period_is_read_with_its_zone() -> None:
    found = planned_query("payments", "2026-05-01T02:00+02:00", "2026-06-01T00:00Z")
    assert isinstance(found, PlannedQuery)
    assert found.start.isoformat() == "2026-05-01T02:00:00+02:00"
    assert found == planned_query("payments", "2026-05-01T00:00Z", "2026-06-01T00:00Z")

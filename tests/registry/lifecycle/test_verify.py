"""Verification: the files and the evidence of every entry, on a real tracking server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry.evaluation.evidence import parse_reference
from registry.evaluation.plan import Plan, fetch_plan
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.statement import Statement
from registry.ledger.tip import Tip
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.verified import Verified
from registry.lifecycle.verify import Verification, verify
from registry.tracking.client import MlflowClient
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import CANDIDATES, PRODUCTION, SCORES_FILE
from registry.tracking.rest import Registry
from tests.world import World

BOB = Approval("github:bob", "monthly release")


def test_each_damaged_file_of_each_entry_is_named(world: World) -> None:
    folders = [
        world.server.stored(world.put_in_production().statement.entry.source) for _ in range(3)
    ]
    (folders[0] / "MLmodel").unlink()
    (folders[1] / "model.onnx").write_bytes(b"damaged")
    (folders[2].parent / SCORES_FILE).unlink()
    run = world.ledger.chain[2].statement.entry.evidence.run_id
    assert verify(world.client, world.ledger) == Verification(
        entries=3,
        problems=(
            "the files of ledger version 1: MLmodel is missing",
            "the files of ledger version 2: model.onnx was changed",
            f"evidence run {run}: scores.parquet is missing",
        ),
        stale=(),
        tip=Tip.of(world.ledger),
    )


def test_what_is_remembered_is_not_downloaded_again_except_the_model_in_force(
    world: World, tmp_path: Path
) -> None:
    folders = [
        world.server.stored(world.put_in_production().statement.entry.source) for _ in range(3)
    ]
    path = tmp_path / "verified.txt"
    (folders[1] / "MLmodel").unlink()
    first = verify(world.client, world.ledger, Verified(path))
    assert (first.remembered, first.problems) == (
        0,
        ("the files of ledger version 2: MLmodel is missing",),
    )
    for folder in folders:
        (folder / "model.onnx").write_bytes(b"damaged")
    again = verify(world.client, world.ledger, Verified(path))
    assert (again.remembered, again.problems) == (
        1,
        (
            "the files of ledger version 2: MLmodel is missing; model.onnx was changed",
            "the files of ledger version 3: model.onnx was changed",
        ),
    )
    assert len(verify(world.client, world.ledger).problems) == 3


def test_an_interrupted_verification_is_continued(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        world.put_in_production()
    path = tmp_path / "verified.txt"

    def interrupted(registry: Registry, link: Link) -> Files:
        if link.version == 3:
            raise KeyboardInterrupt
        return fetch_verified(registry, link)

    with monkeypatch.context() as patched:
        patched.setattr("registry.lifecycle.verify.fetch_verified", interrupted)
        with pytest.raises(KeyboardInterrupt):
            verify(world.client, world.ledger, Verified(path))
    result = verify(world.client, world.ledger, Verified(path))
    assert (result.remembered, result.problems) == (2, ())


def test_each_plan_is_downloaded_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.register()
    world.plan(number)
    for rows in ("first", "second"):
        reference, _ = world.evaluate(number)
        world.promote(reference, comment=rows)
    fetched: list[str] = []

    def noted(client: MlflowClient, statement: Statement) -> Plan:
        fetched.append(statement.digest)
        return fetch_plan(client, statement)

    monkeypatch.setattr("registry.lifecycle.past.fetch_plan", noted)
    assert verify(world.client, world.ledger).problems == ()
    assert fetched == [world.ledger.chain[0].digest]


def test_damaged_files_that_a_freeze_repeats_are_one_problem(world: World) -> None:
    head = world.put_in_production()
    set_frozen(world.client, world.trust, world.signer, "freeze", Approval("github:bob", "stop"))
    (world.server.stored(head.statement.entry.source) / "MLmodel").unlink()
    verification = verify(world.client, world.ledger)
    assert (verification.entries, len(verification.problems)) == (2, 1)


def test_a_planned_promotion_verifies_even_if_the_candidates_own_files_are_gone(
    world: World,
) -> None:
    number = world.register()
    world.plan(number)
    reference, _ = world.evaluate(number)
    world.promote(reference)
    candidate = world.client.get_model_version(CANDIDATES, str(number))
    shutil.rmtree(world.server.stored(str(candidate.source)))
    verification = verify(world.client, world.ledger)
    assert (verification.entries, verification.problems) == (2, ())


def test_a_plan_that_was_changed_is_named(world: World) -> None:
    entry = world.plan(world.register()).statement.entry
    (world.server.stored(entry.source) / "plan.json").write_text("{}")
    assert verify(world.client, world.ledger).problems == (
        f"plan.json of run {entry.evidence.run_id} is not the one that was signed; restore it, or "
        "plan other rows",
    )


def plan_by_hand(world: World, plan: Link) -> Link:
    """Sign a plan again at the end of the ledger, without the checks of `plan`."""
    changes = {**next_place(world.ledger), **approval_fields(BOB)}
    entry = plan.statement.entry.model_copy(update=changes)
    statement = Statement(files=plan.statement.files, entry=entry)
    return append(world.client, world.trust, world.signer, statement)


def test_evidence_whose_plan_came_later_is_named(world: World) -> None:
    """The plan is taken out of the ledger, and signed again once its evaluation is in force."""
    number = world.register()
    planned = world.plan(number)
    world.client.delete_model_version(PRODUCTION, "1")
    reference, evidence = world.evaluate(number)
    assert evidence.plan is None
    world.promote(reference)
    run = parse_reference(reference).run_id
    plan_by_hand(world, planned)
    assert verify(world.client, world.ledger).problems == (
        f"evidence run {run}: its plan (entry 2) came after the evaluation",
        f"evidence run {run}: its plan (entry 2) came after an evaluation",
    )


def test_a_plan_of_what_was_evaluated_before_is_named(world: World) -> None:
    number = world.register()
    planned = world.plan(number)
    world.client.delete_model_version(PRODUCTION, "1")
    reference, _ = world.evaluate(number)
    plan_by_hand(world, planned)
    world.evaluate(number)
    assert verify(world.client, world.ledger).problems == (
        f"evidence run {parse_reference(reference).run_id}: its plan (entry 1) came after an "
        "evaluation",
    )


def test_a_false_checkpoint_is_named(world: World) -> None:
    world.put_in_production()
    said = world.next_promotion("again")
    checkpoint = said.entry.checkpoint
    assert checkpoint
    false = checkpoint.model_copy(update={"frozen": True})
    entry = said.entry.model_copy(update={"checkpoint": false})
    link = append(world.client, world.trust, world.signer, Statement(files=said.files, entry=entry))
    assert verify(world.client, world.ledger).problems == (f"{link}: its checkpoint is false",)

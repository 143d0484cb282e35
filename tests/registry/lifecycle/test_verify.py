"""Verification: the files and the evidence of every entry, on a real tracking server."""

from __future__ import annotations

from registry.ledger.tip import Tip
from registry.lifecycle.approval import Approval
from registry.lifecycle.freeze import set_frozen
from registry.lifecycle.verify import Verification, verify
from registry.tracking.names import SCORES_FILE
from tests.world import World


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


def test_damaged_files_that_a_freeze_repeats_are_one_problem(world: World) -> None:
    head = world.put_in_production()
    set_frozen(world.client, world.trust, world.signer, "freeze", Approval("github:bob", "stop"))
    (world.server.stored(head.statement.entry.source) / "MLmodel").unlink()
    verification = verify(world.client, world.ledger)
    assert (verification.entries, len(verification.problems)) == (2, 1)

"""Files with a second name on the server's disk, through which they are changed later."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import BytesMismatch
from registry.evaluation.evidence import parse_reference
from registry.ledger.manifest import sha256_of
from registry.lifecycle.verify import verify
from registry.model.scorer import MODEL_FILE
from registry.tracking.names import CANDIDATES
from tests.inference.pods import pod
from tests.world import World


def second_name(file: Path, folder: Path) -> Path:
    """Replace a file by a hard link to a copy in the folder; return the copy."""
    copy = folder / "second-name"
    copy.write_bytes(file.read_bytes())
    file.unlink()
    file.hardlink_to(copy)
    return copy


def evidence_model(world: World, reference: str) -> Path:
    run = world.client.get_run(parse_reference(reference).run_id)
    return world.server.stored(str(run.info.artifact_uri)) / "model" / MODEL_FILE


def test_evidence_that_is_changed_through_a_hard_link_is_not_promoted(
    world: World, tmp_path: Path
) -> None:
    reference, _ = world.evaluate(world.register())
    second_name(evidence_model(world, reference), tmp_path).write_bytes(b"other bytes")
    with pytest.raises(BytesMismatch, match=rf"model/{MODEL_FILE} was changed"):
        world.promote(reference)
    assert world.ledger.chain == ()


def test_a_promoted_file_that_is_changed_through_a_hard_link_is_reported_and_not_served(
    world: World, tmp_path: Path
) -> None:
    reference, _ = world.evaluate(world.register())
    link = second_name(evidence_model(world, reference), tmp_path)
    world.promote(reference)
    running = pod(world, tmp_path / "cache")
    assert running.poll()
    assert verify(world.client, world.ledger).problems == ()

    link.write_bytes(b"other bytes")
    changed = f"the files of ledger version 1: {MODEL_FILE} was changed"
    assert verify(world.client, world.ledger).problems == (changed,)
    started = pod(world, tmp_path / "other")
    assert not started.poll()
    assert started.serving.not_ready == changed
    assert running.poll()
    assert running.version == 1


def test_a_candidate_that_is_changed_through_a_hard_link_is_promoted_as_it_was_judged(
    world: World, tmp_path: Path
) -> None:
    number = world.register()
    source = str(world.client.get_model_version(CANDIDATES, str(number)).source)
    file = world.server.stored(source) / MODEL_FILE
    link, judged = second_name(file, tmp_path), sha256_of(file)
    reference, _ = world.evaluate(number)
    link.write_bytes(b"other bytes")
    entry = world.promote(reference)
    assert entry.statement.files[MODEL_FILE] == judged
    assert pod(world, tmp_path / "cache").poll()

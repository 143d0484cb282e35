"""The evidence of a ledger entry, as the service reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.errors import BytesMismatch, Unreachable
from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import EvidenceRef
from registry.storage.container import open_container
from registry.tracking.evidence_file import fetch_evidence_file, passed_gate
from registry.tracking.names import EVIDENCE_FILE, MODEL_FOLDER, WITHOUT_HISTORY
from registry.tracking.rest import Registry
from tests.registry.entries import promote
from tests.world import POLICY, World


@pytest.fixture
def link(world: World, tmp_path: Path) -> Link:
    """In Production under a policy with the gate `without_history`."""
    gate = "{required: false, min_average_precision: 0.2, max_alerts_per_day_to_budget: 4}"
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"{POLICY.read_text()}\n  without_history: {gate}\n")
    reference, _ = world.evaluate(world.register(), policy)
    return world.promote(reference, policy=policy)


def test_it_is_the_one_that_the_statement_names_and_says_what_was_passed(
    world: World, link: Link
) -> None:
    content = fetch_evidence_file(Registry(world.server.uri), link)

    assert passed_gate(content, WITHOUT_HISTORY)
    assert not passed_gate(content, "without")


def test_one_that_was_changed_is_refused(world: World, link: Link) -> None:
    source = link.statement.entry.source.removesuffix(MODEL_FOLDER) + EVIDENCE_FILE
    path = world.server.stored(source)
    path.write_bytes(path.read_bytes().replace(b'"passed": true', b'"passed": false', 1))

    with pytest.raises(BytesMismatch, match=r"evidence.json of ledger version 1 is not its ev"):
        fetch_evidence_file(Registry(world.server.uri), link)


def test_one_that_is_gone_is_unreachable(world: World, link: Link) -> None:
    source = link.statement.entry.source.removesuffix(MODEL_FOLDER) + EVIDENCE_FILE
    world.server.stored(source).unlink()

    with pytest.raises(Unreachable, match=EVIDENCE_FILE):
        fetch_evidence_file(Registry(world.server.uri), link)


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [
        ([], False),
        ([("floor.average_precision", True)], False),
        ([("without_history.average_precision", True)], True),
        ([("without_history.a", True), ("without_history.b", False)], False),
        ([("without_history", True), ("floor.average_precision", False)], True),
        ([("without_history_of_all", True)], False),
    ],
)
def test_a_gate_is_passed_if_it_was_run_and_none_of_its_parts_failed(
    verdicts: list[tuple[str, bool]], passed: bool
) -> None:
    document = {"verdicts": [{"gate": gate, "passed": each} for gate, each in verdicts]}
    assert passed_gate(json.dumps(document).encode(), WITHOUT_HISTORY) == passed


@pytest.mark.parametrize("document", [{}, [], {"verdicts": 1}, {"verdicts": [{"gate": "a"}]}])
def test_what_is_no_evidence_is_refused(document: Any) -> None:
    with pytest.raises(BytesMismatch, match="is not evidence of this version"):
        passed_gate(json.dumps(document).encode(), WITHOUT_HISTORY)


def test_one_in_blob_storage_is_read_from_beside_the_model(blobs: str, tmp_path: Path) -> None:
    (tmp_path / EVIDENCE_FILE).write_bytes(b"{}")
    artifacts = f"{blobs}/1/run/artifacts"
    with open_container(artifacts) as folder:
        folder.upload(tmp_path / EVIDENCE_FILE, EVIDENCE_FILE)
    evidence = EvidenceRef(run_id="run", sha256=sha256_of_bytes(b"{}"))
    statement = promote("a", source=f"{artifacts}/{MODEL_FOLDER}", evidence=evidence)

    assert fetch_evidence_file(Registry("http://127.0.0.1:1"), Link(1, statement)) == b"{}"

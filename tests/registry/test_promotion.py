"""Promotion and rollback against a real tracking server, and what must be refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from securesystemslib.signer import CryptoSigner

from registry.candidates import stage, staged
from registry.errors import (
    BytesMismatch,
    NotFound,
    Refused,
    UsageError,
    VerificationError,
)
from registry.evidence import fetched_evidence, parse_reference, write_evidence
from registry.files import Manifest, sha256_of
from registry.ledger import Link
from registry.promotion import Approval, person_at_keyboard, promote, rollback
from registry.reader import fetch_verified
from registry.store import CANDIDATES, PRODUCTION, connect, read_ledger
from registry.trust import Trust
from tests.candidates import NAMES, saved_model
from tests.conftest import POLICY, World
from tests.registry.entries import trusted

BOB = Approval("github:bob", "too many false alerts")


def evidence_on_disk(world: World, reference: str) -> Path:
    run = world.client.get_run(parse_reference(reference).run_id)
    return world.server.stored(str(run.info.artifact_uri))


def roll_back(world: World, to: int | None = None) -> Link:
    return rollback(world.client, world.trust, world.signer, to, BOB)


def nothing_appended(world: World) -> bool:
    return world.ledger.chain == () and world.ledger.findings == ()


def test_an_approved_candidate_becomes_the_head(world: World) -> None:
    link = world.put_in_production()
    head = world.ledger.head
    assert head == link
    assert head.version == 1
    assert head.statement.entry.approver == "github:alice"
    assert head.statement.entry.candidate.version == 1


def test_the_entry_says_what_who_why_and_on_what_evidence(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    statement = world.promote(reference, "finds more – Müller ✓").statement
    entry = statement.entry
    assert statement.manifest == Manifest.of(saved_model(1.0, NAMES, 0.5))
    assert (entry.sequence, entry.supersedes, entry.action) == (1, None, "promote")
    assert entry.ledger_id == world.trust.ledger_id
    assert str(entry.evidence) == reference
    assert (entry.policy.name, entry.policy.sha256) == ("test", sha256_of(POLICY))
    assert entry.candidate == evidence.candidate
    assert entry.comment == "finds more – Müller ✓"
    assert world.ledger.head is not None
    assert world.ledger.head.statement.entry.comment == "finds more – Müller ✓"


def test_the_files_in_force_are_the_evidences_copy_and_not_the_candidates(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    head = world.promote(reference)
    candidate = world.client.get_model_version(CANDIDATES, "1")
    (world.server.stored(str(candidate.source)) / "MLmodel").write_text("changed afterwards")
    assert head.statement.entry.source == f"{_address(world, reference)}/model"
    with fetched_evidence(world.client, parse_reference(reference)) as fetched:
        assert Manifest.of(fetched.folder / "model") == head.statement.manifest


def _address(world: World, reference: str) -> str:
    return str(world.client.get_run(parse_reference(reference).run_id).info.artifact_uri)


def test_a_second_promotion_names_the_first(world: World) -> None:
    first = world.put_in_production()
    second = world.put_in_production()
    assert second.version == 2
    assert second.statement.entry.sequence == 2
    assert second.statement.entry.supersedes == first.statement.digest


def test_after_a_promotion_people_see_it_too(world: World) -> None:
    number = world.register()
    stage(world.client, str(number))
    world.promote(world.evaluate(number)[0])
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "1"}
    assert world.client.get_model_version(CANDIDATES, "1").tags == {"ledger_version": "1"}
    assert staged(world.client) is None
    described = world.client.get_model_version(PRODUCTION, "1").description
    assert described == "promote by github:alice: better"


def test_another_candidate_stays_in_staging(world: World) -> None:
    number, other = world.register(), world.register()
    stage(world.client, str(other))
    world.promote(world.evaluate(number)[0])
    in_staging = staged(world.client)
    assert in_staging is not None
    assert in_staging.version == "2"


def test_saying_it_twice_appends_once_and_repairs_what_people_see(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    world.promote(reference)
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    world.client.delete_model_version_tag(CANDIDATES, "1", "ledger_version")
    link, is_new = promote(world.client, world.trust, world.signer, reference, BOB)
    assert not is_new
    assert link.statement.entry.approver == "github:alice"
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "1"}
    assert world.client.get_model_version(CANDIDATES, "1").tags == {"ledger_version": "1"}


def edit_measurement(run: Path) -> None:
    document = json.loads((run / "evidence.json").read_text())
    document["measurements"]["candidate"]["average_precision"] = 1.0
    (run / "evidence.json").write_text(json.dumps(document))


def edit_verdict(run: Path) -> None:
    text = (run / "evidence.json").read_text()
    (run / "evidence.json").write_text(text.replace('"passed": false', '"passed": true'))


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (edit_measurement, r"evidence.json of run \w+ is not the one that was approved"),
        (edit_verdict, r"evidence.json of run \w+ is not the one that was approved"),
        (lambda run: (run / "evidence.json").unlink(), "is not the one that was approved"),
        (lambda run: (run / "evidence.json").write_text(""), "is not the one that was approved"),
        (lambda run: (run / "model" / "model.onnx").write_bytes(b""), "model/model.onnx was chang"),
        (lambda run: (run / "model" / "MLmodel").unlink(), "model/MLmodel is missing"),
        (lambda run: (run / "model" / "extra").write_text(""), "model/extra was added"),
        (lambda run: (run / "notes.txt").write_text(""), "notes.txt was added"),
        (lambda run: (run / "policy.yaml").write_text("name: lax\n"), "policy.yaml was changed"),
        (lambda run: (run / "scores.parquet").unlink(), "scores.parquet is missing"),
    ],
    ids=[
        "measurement",
        "verdict",
        "no evidence.json",
        "empty evidence.json",
        "model file",
        "model file gone",
        "model file added",
        "file added",
        "policy",
        "scores gone",
    ],
)
def test_evidence_that_was_tampered_with_after_approval_is_refused(
    world: World, tamper: Callable[[Path], object], words: str
) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    tamper(evidence_on_disk(world, reference))
    with pytest.raises(BytesMismatch, match=words):
        world.promote(reference)
    assert nothing_appended(world)


def approve_edited(world: World, reference: str, **changes: object) -> str:
    """Write other evidence into the run and have that approved: the digest then matches."""
    folder = evidence_on_disk(world, reference)
    parsed = parse_reference(reference)
    with fetched_evidence(world.client, parsed) as fetched:
        edited = fetched.evidence.model_copy(update=changes)
    return f"{parsed.run_id}@sha256:{write_evidence(folder, edited)}"


def test_verdicts_that_do_not_follow_from_the_measurements_are_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    passed = tuple(one.model_copy(update={"passed": True}) for one in evidence.verdicts)
    with pytest.raises(Refused, match="do not follow from the measurements"):
        world.promote(approve_edited(world, reference, verdicts=passed))
    assert nothing_appended(world)


def test_leaving_out_the_failed_verdict_is_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    kept = tuple(one for one in evidence.verdicts if one.passed)
    with pytest.raises(Refused, match="do not follow from the measurements"):
        world.promote(approve_edited(world, reference, verdicts=kept))
    assert nothing_appended(world)


@pytest.mark.parametrize("change", [{"name": "default"}, {"sha256": "0" * 64}])
def test_evidence_that_names_another_policy_than_it_holds_is_refused(
    world: World, change: dict[str, str]
) -> None:
    reference, evidence = world.evaluate(world.register())
    policy = evidence.policy.model_copy(update=change)
    with pytest.raises(Refused, match="names another policy than it holds"):
        world.promote(approve_edited(world, reference, policy=policy))
    assert nothing_appended(world)


def test_evidence_of_another_format_is_refused(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    path = evidence_on_disk(world, reference) / "evidence.json"
    path.write_text("{}")
    with pytest.raises(BytesMismatch, match="is not evidence of this version"):
        world.promote(f"{parse_reference(reference).run_id}@sha256:{sha256_of(path)}")


def test_a_candidate_that_failed_a_gate_is_refused(world: World) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    with pytest.raises(Refused, match=r"candidate 1 did not pass: floor.average_precision"):
        world.promote(reference)
    assert nothing_appended(world)


def test_evidence_against_an_empty_ledger_is_refused_once_it_is_not(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    world.put_in_production()
    with pytest.raises(Refused, match="evaluate again against version 1"):
        world.promote(reference)
    assert len(world.ledger.chain) == 1


def test_evidence_against_an_earlier_head_is_refused(world: World) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register())
    world.put_in_production()
    with pytest.raises(Refused, match="evaluate again against version 2"):
        world.promote(reference)
    assert len(world.ledger.chain) == 2


def test_evidence_that_was_rolled_back_cannot_be_promoted_again(world: World) -> None:
    world.put_in_production(threshold=0.25)
    reference, _ = world.evaluate(world.register())
    world.promote(reference)
    roll_back(world)
    with pytest.raises(Refused, match="evaluate again against version 3: rollback"):
        world.promote(reference)


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    references = [world.evaluate(world.register())[0] for _ in range(2)]
    start, outcomes = threading.Barrier(2), list[object]()

    def run(reference: str) -> None:
        client: MlflowClient = connect(world.server.uri)
        start.wait()
        try:
            link, _ = promote(client, world.trust, world.signer, reference, BOB)
            outcomes.append(link)
        except Refused as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=run, args=(reference,)) for reference in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Link", "Refused"]
    assert list(world.ledger.chain) == [one for one in outcomes if isinstance(one, Link)]


def test_a_version_that_somebody_appended_by_hand_is_passed_over(world: World) -> None:
    head = world.put_in_production()
    world.client.create_model_version(
        PRODUCTION, head.statement.entry.source, run_id=head.statement.entry.evidence.run_id
    )
    assert world.ledger.head == head
    assert [str(one) for one in world.ledger.findings] == [
        "version 2 is passed over: it has no statement"
    ]
    assert world.put_in_production().version == 3


def test_a_broken_ledger_takes_no_promotion(world: World) -> None:
    world.put_in_production()
    world.put_in_production()
    reference, _ = world.evaluate(world.register())
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken: version 2"):
        world.promote(reference)


@pytest.mark.parametrize("reference", ["", "1", "staging", "run@sha256:abc", "run"])
def test_what_is_no_reference_is_refused(world: World, reference: str) -> None:
    with pytest.raises(UsageError, match=r"is not RUN@sha256:DIGEST"):
        world.promote(reference)


@pytest.mark.parametrize(
    "approver", ["", "alice", "github:", "github: alice", "GitHub:alice", ":a"]
)
def test_an_approver_without_a_realm_is_refused(approver: str) -> None:
    with pytest.raises(UsageError, match="must say its realm too, such as github:alice"):
        Approval(approver)


@pytest.mark.parametrize("approver", ["github:alice", "git:alice@example.com", "os:Ålice B"])
def test_an_approver_with_a_realm_is_one(approver: str) -> None:
    assert Approval(approver).approver == approver


def test_the_person_at_the_keyboard_has_the_realm_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOGNAME", "alice")
    assert person_at_keyboard() == "os:alice"


def test_a_key_past_its_last_sequence_is_refused_before_anything_is_written(world: World) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register())
    key = world.trust.keys[0].model_copy(update={"last": 1})
    trust = world.trust.model_copy(update={"keys": (key,)})
    with pytest.raises(UsageError, match="may sign the sequences 1 to 1, and this entry is 2"):
        promote(world.client, trust, world.signer, reference, BOB)
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1


def test_a_rollback_by_another_key_ends_what_a_revoked_key_did(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    signer = CryptoSigner.generate_ecdsa()
    revoked = world.trust.keys[0].model_copy(update={"last": 1})
    trust = Trust(ledger_id=world.trust.ledger_id, keys=(revoked, trusted(signer)))
    with pytest.raises(VerificationError, match="signed past its key's last sequence"):
        _ = read_ledger(world.client, trust).head
    back = rollback(world.client, trust, signer, None, BOB)
    assert back.statement.files == first.statement.files
    assert read_ledger(world.client, trust).head == back


def test_a_rollback_puts_the_model_before_back_on_the_record(world: World, tmp_path: Path) -> None:
    first = world.put_in_production()
    second = world.put_in_production(threshold=0.25)
    back = roll_back(world)
    entry = back.statement.entry
    assert world.ledger.head == back
    assert back.statement.files == first.statement.files
    assert (back.version, entry.sequence, entry.action) == (3, 3, "rollback")
    assert entry.supersedes == second.statement.digest
    assert (entry.approver, entry.comment) == ("github:bob", "too many false alerts")
    assert (entry.source, entry.evidence, entry.candidate) == (
        first.statement.entry.source,
        first.statement.entry.evidence,
        first.statement.entry.candidate,
    )
    assert Manifest.of(fetch_verified(world.client, back, tmp_path)) == first.statement.manifest


def test_after_a_rollback_people_see_it_too(world: World) -> None:
    world.put_in_production()
    world.put_in_production(threshold=0.25)
    roll_back(world)
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "3"}
    assert world.client.get_model_version(CANDIDATES, "1").tags == {"ledger_version": "3"}


def test_a_rollback_can_name_the_ledger_version(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    world.put_in_production(threshold=0.125)
    assert roll_back(world, 1).statement.files == first.statement.files


def test_a_second_rollback_goes_further_back(world: World) -> None:
    first = world.put_in_production()
    world.put_in_production(threshold=0.25)
    world.put_in_production(threshold=0.125)
    roll_back(world)
    assert roll_back(world).statement.files == first.statement.files
    with pytest.raises(NotFound, match="no other model was in Production before this one"):
        roll_back(world)


def test_a_rollback_without_a_reason_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="a rollback needs a reason"):
        rollback(world.client, world.trust, world.signer, None, Approval("github:bob"))


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (None, "no other model was in Production before this one"),
        (1, "version 1 is in force already"),
        (7, "version 7 is not an entry of the ledger; entries are 1"),
    ],
)
def test_a_rollback_to_nowhere_is_refused(world: World, to: int | None, words: str) -> None:
    world.put_in_production()
    with pytest.raises(NotFound, match=words):
        roll_back(world, to)
    assert len(world.ledger.chain) == 1


def test_an_empty_ledger_cannot_be_rolled_back(world: World) -> None:
    with pytest.raises(NotFound, match="the ledger has no entry yet"):
        roll_back(world)


def test_a_rollback_to_damaged_files_is_refused(world: World) -> None:
    first = world.put_in_production()
    second = world.put_in_production(threshold=0.25)
    (world.server.stored(first.statement.entry.source) / "model.onnx").write_bytes(b"")
    with pytest.raises(BytesMismatch, match=r"ledger version 1: model.onnx was changed"):
        roll_back(world)
    assert world.ledger.head == second

"""Promotion on a real tracking server, and what it must refuse."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from mlflow import MlflowClient

from registry.errors import BytesMismatch, Refused, UsageError, VerificationError
from registry.evaluation.evidence import fetch_evidence, parse_reference, write_evidence
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest, sha256_of
from registry.lifecycle import evaluate, past
from registry.lifecycle.approval import Approval
from registry.lifecycle.promote import promote
from registry.lifecycle.rollback import rollback
from registry.tracking.candidates import stage, staged
from registry.tracking.client import connect
from registry.tracking.names import CANDIDATES, FILES_TAG, PRODUCTION
from tests.candidates import NAMES, saved_model
from tests.swapping import swapped_once_opened
from tests.world import ALL_PASSED, POLICY, PROMOTED, World

BOB = Approval("github:bob", "better too")


def evidence_on_disk(world: World, reference: str) -> Path:
    run = world.client.get_run(parse_reference(reference).run_id)
    return world.server.stored(str(run.info.artifact_uri))


def promote_as(
    world: World, reference: str, *approvals: Approval, policy: Path = POLICY, **more: Any
) -> Link:
    """The entry of a promotion that must be new."""
    link, is_new = promote(
        world.client, world.trust, world.signer, reference, approvals, policy, **more
    )
    assert is_new
    return link


def changed_policy(folder: Path, good: str, other: str) -> Path:
    """The tests' policy with one thing changed in it."""
    text = POLICY.read_text()
    assert text.count(good) == 1
    path = folder / "changed.yaml"
    path.write_text(text.replace(good, other))
    return path


def evaluate_under(world: World, policy: Path, candidate: int) -> str:
    reference, _ = evaluate.evaluate(world.client, world.trust, str(candidate), world.rows, policy)
    return str(reference)


def nothing_appended(world: World) -> bool:
    return world.ledger.chain == () and world.ledger.findings == ()


def test_an_approved_candidate_becomes_the_head(world: World) -> None:
    link = world.put_in_production()
    head = world.ledger.head
    assert head == link
    assert head.version == 1
    assert head.statement.entry.approver == "github:alice"
    assert head.statement.entry.candidate.version == 1


def test_the_entry_records_files_approver_comment_and_evidence(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    before = datetime.now(UTC).replace(microsecond=0)
    statement = world.promote(reference, "finds more – Müller ✓").statement
    entry = statement.entry
    assert statement.manifest == Manifest.of(saved_model(1.0, NAMES, 0.5))
    assert (entry.sequence, entry.supersedes, entry.action) == (1, None, "promote")
    assert entry.ledger_id == world.trust.ledger_id
    assert str(entry.evidence) == reference
    assert (entry.policy.name, entry.policy.sha256) == ("test", sha256_of(POLICY))
    assert entry.candidate == evidence.candidate
    assert entry.verdict == PROMOTED
    assert before <= entry.approved_at <= datetime.now(UTC)
    assert entry.comment == "finds more – Müller ✓"
    assert world.ledger.head is not None
    assert world.ledger.head.statement.entry.comment == "finds more – Müller ✓"


def test_the_files_in_force_are_the_evidences_copy_and_not_the_candidates(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    head = world.promote(reference)
    candidate = world.client.get_model_version(CANDIDATES, "1")
    (world.server.stored(str(candidate.source)) / "MLmodel").write_text("changed afterwards")
    assert head.statement.entry.source == f"{_address(world, reference)}/model"
    fetched = fetch_evidence(world.client, parse_reference(reference))
    assert {
        name.removeprefix("model/"): digest
        for name, digest in fetched.files.manifest.sha256.items()
        if name.startswith("model/")
    } == head.statement.files


def _address(world: World, reference: str) -> str:
    return str(world.client.get_run(parse_reference(reference).run_id).info.artifact_uri)


def test_a_second_promotion_names_the_first(world: World) -> None:
    first = world.put_in_production()
    second = world.put_in_production()
    assert second.version == 2
    assert second.statement.entry.sequence == 2
    assert second.statement.entry.supersedes == first.statement.digest


def test_a_promotion_sets_alias_and_tags(world: World) -> None:
    number = world.register()
    stage(world.client, str(number))
    world.promote(world.evaluate(number)[0])
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "1"}
    assert world.client.get_model_version(CANDIDATES, "1").tags == {
        FILES_TAG: Manifest.of(saved_model(1.0, NAMES, 0.5)).digest,
        "ledger_version": "1",
    }
    assert staged(world.client) is None
    description = str(world.client.get_model_version(PRODUCTION, "1").description)
    assert description.startswith("**Candidate 1** of `fraud-detector`, in Production from 20")
    assert "| average precision | 1.000 |" in description
    assert "| threshold | 0.5 |" in description


def test_another_candidate_stays_in_staging(world: World) -> None:
    number, other = world.register(), world.register()
    stage(world.client, str(other))
    world.promote(world.evaluate(number)[0])
    in_staging = staged(world.client)
    assert in_staging is not None
    assert in_staging.version == "2"


def test_promoting_twice_appends_once_and_repairs_alias_and_tags(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    world.promote(reference)
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    world.client.delete_model_version_tag(CANDIDATES, "1", "ledger_version")
    link, is_new = promote(world.client, world.trust, world.signer, reference, (BOB,), POLICY)
    assert not is_new
    assert link.statement.entry.approver == "github:alice"
    assert len(world.client.search_model_versions(f"name='{PRODUCTION}'")) == 1
    assert world.client.get_registered_model(PRODUCTION).aliases == {"production": "1"}
    assert world.client.get_model_version(CANDIDATES, "1").tags["ledger_version"] == "1"


def edit_measurement(run: Path) -> None:
    document = json.loads((run / "evidence.json").read_text())
    document["measurements"]["floor"]["candidate"]["average_precision"] = 1.0
    (run / "evidence.json").write_text(json.dumps(document))


def edit_verdict(run: Path) -> None:
    text = (run / "evidence.json").read_text()
    (run / "evidence.json").write_text(text.replace('"passed": false', '"passed": true'))


@pytest.mark.parametrize(
    ("tamper", "message"),
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
    world: World, tamper: Callable[[Path], object], message: str
) -> None:
    reference, _ = world.evaluate(world.register(quality=0.0))
    tamper(evidence_on_disk(world, reference))
    with pytest.raises(BytesMismatch, match=message):
        world.promote(reference)
    assert nothing_appended(world)


def approve_edited(world: World, reference: str, **changes: object) -> str:
    """Write other evidence into the run and have that approved: the digest then matches."""
    folder = evidence_on_disk(world, reference)
    parsed = parse_reference(reference)
    edited = fetch_evidence(world.client, parsed).evidence.model_copy(update=changes)
    return f"{parsed.run_id}@sha256:{write_evidence(folder, edited)}"


def test_verdicts_that_do_not_follow_from_the_measurements_are_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    passed = tuple(verdict.model_copy(update={"passed": True}) for verdict in evidence.verdicts)
    with pytest.raises(Refused, match="do not follow from the measurements"):
        world.promote(approve_edited(world, reference, verdicts=passed))
    assert nothing_appended(world)


def test_leaving_out_the_failed_verdict_is_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    passed = tuple(verdict for verdict in evidence.verdicts if verdict.passed)
    with pytest.raises(Refused, match="do not follow from the measurements"):
        world.promote(approve_edited(world, reference, verdicts=passed))
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


def test_a_failed_required_gate_cannot_become_advisory_afterwards(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    advisory = tuple(
        verdict.model_copy(update={"required": False}) for verdict in evidence.verdicts
    )
    with pytest.raises(Refused, match="do not follow from the measurements"):
        world.promote(approve_edited(world, reference, verdicts=advisory))
    assert nothing_appended(world)


def test_a_gate_without_its_measurements_is_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    others = {gate: value for gate, value in evidence.measurements.items() if gate != "floor"}
    with pytest.raises(Refused, match="a gate's measurements are missing; evaluate again"):
        world.promote(approve_edited(world, reference, measurements=others))
    assert nothing_appended(world)


ADVISORY, REQUIRED = "{required: false, max_ratio: 100}", "{max_ratio: 0.000001}"


def test_a_failed_advisory_gate_blocks_nothing_and_is_recorded(
    world: World, tmp_path: Path
) -> None:
    world.put_in_production()
    policy = changed_policy(tmp_path, ADVISORY, "{required: false, max_ratio: 0.000001}")
    reference = evaluate_under(world, policy, world.register())
    link = promote_as(world, reference, BOB, policy=policy)
    assert world.ledger.head == link
    assert link.statement.entry.verdict == (
        "20 of 21 checks passed; advisory: latency.ratio; its origin is only claimed; "
        "not required: a verified approver, a verified origin; approver said, not verified"
    )


def test_the_same_gate_blocks_where_the_policy_requires_it(world: World, tmp_path: Path) -> None:
    head = world.put_in_production()
    policy = changed_policy(tmp_path, ADVISORY, REQUIRED)
    reference = evaluate_under(world, policy, world.register())
    with pytest.raises(
        Refused, match=r"candidate 2 did not pass: latency\.ratio; train a smaller one$"
    ):
        promote_as(world, reference, BOB, policy=policy)
    assert world.ledger.head == head


def test_evidence_older_than_the_policy_allows_is_refused(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    week_ago = evidence.evaluated_at - timedelta(days=7.5)
    with pytest.raises(
        Refused, match=r"^the evidence is 7\.5 days old, the policy allows 7; evaluate again$"
    ):
        world.promote(approve_edited(world, reference, evaluated_at=week_ago))
    assert nothing_appended(world)


def test_evidence_nearly_as_old_as_the_policy_allows_is_promoted(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    recent = evidence.evaluated_at - timedelta(days=6.9)
    head = world.promote(approve_edited(world, reference, evaluated_at=recent))
    assert world.ledger.head == head


def test_the_policy_sets_how_old_evidence_may_be(world: World, tmp_path: Path) -> None:
    policy = changed_policy(tmp_path, "four_eyes: true", "evidence_max_age_days: 0.0000001")
    reference = evaluate_under(world, policy, world.register())
    time.sleep(1)
    with pytest.raises(Refused, match=r"days old, the policy allows 1e-07; evaluate again"):
        promote_as(world, reference, BOB, policy=policy)
    assert nothing_appended(world)


def test_another_policy_than_that_of_the_evidence_is_refused_with_both_digests(
    world: World, tmp_path: Path
) -> None:
    reference, _ = world.evaluate(world.register())
    other = changed_policy(tmp_path, "average_precision: 0.5", "average_precision: 0.4")
    with pytest.raises(Refused) as refusal:
        promote_as(world, reference, BOB, policy=other)
    assert str(refusal.value) == (
        f"the evidence was made under policy test ({sha256_of(POLICY)[:12]}), but changed.yaml is "
        f"now {sha256_of(other)[:12]}; evaluate again under it, or pass the other policy with "
        "--policy"
    )
    assert nothing_appended(world)


def test_a_missing_policy_is_named(world: World, tmp_path: Path) -> None:
    reference, _ = world.evaluate(world.register())
    with pytest.raises(UsageError, match=r"policy .*/nowhere\.yaml cannot be read"):
        promote_as(world, reference, BOB, policy=tmp_path / "nowhere.yaml")
    assert nothing_appended(world)


@pytest.mark.parametrize(
    ("approver", "message"),
    [
        ("github:carol", "four eyes: github:carol is an author. "),
        ("git:carol@example.com", "four eyes: git:carol@example.com is an author. "),
        (
            "os:alice",
            "four eyes: os:alice has no realm in common with the authors "
            r"\(git:carol@example.com, github:carol\). ",
        ),
    ],
)
def test_four_eyes_refuses_an_author_and_an_approver_of_another_realm(
    world: World, approver: str, message: str
) -> None:
    reference, _ = world.evaluate(world.register())
    with pytest.raises(Refused, match=f"^{message}Have another person approve it"):
        promote_as(world, reference, Approval(approver))
    assert nothing_appended(world)


def test_the_first_approval_that_is_not_by_an_author_counts(
    world: World,
) -> None:
    reference, _ = world.evaluate(world.register())
    link = promote_as(world, reference, Approval("github:carol"), BOB, Approval("github:dave"))
    assert link.statement.entry.approver == "github:bob"


@pytest.mark.parametrize("approver", ["github:carol", "os:alice"])
def test_without_four_eyes_any_approver_counts(world: World, tmp_path: Path, approver: str) -> None:
    policy = changed_policy(tmp_path, "four_eyes: true", "four_eyes: false")
    reference = evaluate_under(world, policy, world.register())
    link = promote_as(world, reference, Approval(approver), policy=policy)
    assert link.statement.entry.approver == approver


def test_a_policy_can_require_an_approver_who_is_not_only_said(
    world: World, tmp_path: Path
) -> None:
    policy = changed_policy(tmp_path, "four_eyes: true", "four_eyes: true\nverified_approver: true")
    reference = evaluate_under(world, policy, world.register())
    with pytest.raises(Refused, match=r"^the approver github:bob is not verified, and the policy"):
        promote_as(world, reference, BOB, policy=policy)
    assert nothing_appended(world)
    by_github = Approval("github:dave", verified=True)
    link = promote_as(world, reference, BOB, by_github, policy=policy)
    assert link.statement.entry.approver == "github:dave"
    assert link.statement.entry.verdict == f"{ALL_PASSED}; not required: a verified origin"


def test_a_verified_approver_may_be_no_author_either(world: World, tmp_path: Path) -> None:
    policy = changed_policy(tmp_path, "four_eyes: true", "four_eyes: true\nverified_approver: true")
    reference = evaluate_under(world, policy, world.register())
    carol = Approval("github:carol", verified=True)
    with pytest.raises(Refused, match=r"^four eyes: github:carol is an author\. "):
        promote_as(world, reference, BOB, carol, policy=policy)


def test_the_policy_that_counts_is_the_one_that_was_hashed(world: World) -> None:
    """The downloaded copy is replaced by a lax one, once it was opened."""
    reference, _ = world.evaluate(world.register())
    lax = POLICY.read_bytes().replace(b"four_eyes: true", b"four_eyes: false")
    with (
        swapped_once_opened(Path(gettempdir()), "policy.yaml", lax) as swapped,
        pytest.raises(Refused, match="four eyes: github:carol is an author"),
    ):
        promote_as(world, reference, Approval("github:carol"))
    assert len(swapped) == 1
    assert nothing_appended(world)


def test_a_candidate_with_unknown_authors_is_refused(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    with pytest.raises(
        Refused, match=r"github:bob has no realm in common with the authors \(not recorded\)"
    ):
        promote_as(world, approve_edited(world, reference, authors=()), BOB)


def test_the_approvals_comment_and_url_go_into_the_entry(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    approval = Approval("github:bob", "looks good", "https://example.com/runs/42")
    entry = promote_as(world, reference, approval).statement.entry
    assert (entry.approver, entry.comment, entry.url) == (
        "github:bob",
        "looks good",
        "https://example.com/runs/42",
    )


def test_the_callers_comment_and_url_replace_those_of_the_approval(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    approval = Approval("github:bob", "looks good", "https://example.com/runs/42")
    link = promote_as(world, reference, approval, comment="ticket 12", url="https://example.com/12")
    entry = link.statement.entry
    assert (entry.comment, entry.url) == ("ticket 12", "https://example.com/12")


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
    rollback(world.client, world.trust, world.signer, None, BOB)
    with pytest.raises(Refused, match="evaluate again against version 3: rollback"):
        world.promote(reference)


def test_of_two_promotions_at_once_one_wins_and_the_other_is_refused(world: World) -> None:
    references = [world.evaluate(world.register())[0] for _ in range(2)]
    start, outcomes = threading.Barrier(2), list[object]()

    def run(reference: str) -> None:
        client: MlflowClient = connect(world.server.uri)
        start.wait()
        try:
            link, _ = promote(client, world.trust, world.signer, reference, (BOB,), POLICY)
            outcomes.append(link)
        except Refused as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=run, args=(reference,)) for reference in references]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Link", "Refused"]
    assert list(world.ledger.chain) == [
        outcome for outcome in outcomes if isinstance(outcome, Link)
    ]


def test_a_version_appended_by_hand_is_passed_over(world: World) -> None:
    head = world.put_in_production()
    world.client.create_model_version(
        PRODUCTION, head.statement.entry.source, run_id=head.statement.entry.evidence.run_id
    )
    assert world.ledger.head == head
    assert [str(finding) for finding in world.ledger.findings] == [
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
def test_an_invalid_reference_is_refused(world: World, reference: str) -> None:
    with pytest.raises(UsageError, match=r"is not RUN@sha256:DIGEST"):
        world.promote(reference)


def test_of_two_evaluations_that_raced_the_later_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both counted before either was uploaded, so that each was the first by its own count."""
    with monkeypatch.context() as patch:
        patch.setattr(past, "evaluations", lambda _: [])
        references = [world.evaluate(world.register(quality))[0] for quality in (0.9, 1.0)]
    first, second = references
    with pytest.raises(Refused) as refusal:
        world.promote(second)
    assert str(refusal.value) == (
        "the evidence allows for 0 earlier evaluations on these rows, but there were 1; evaluate "
        "again"
    )
    assert nothing_appended(world)
    world.promote(first)
    assert world.ledger.head


def test_evidence_that_allows_for_its_earlier_looks_can_be_promoted(world: World) -> None:
    for quality in (0.9, 0.95):
        world.evaluate(world.register(quality))
    reference, evidence = world.evaluate(world.register(1.0))
    assert (evidence.earlier_candidates, evidence.earlier_looks) == (2, 2)
    world.evaluate(world.register(0.99))  # a later look does not count
    world.promote(reference)
    assert world.ledger.head


def test_evidence_whose_plan_is_not_in_the_ledger_is_refused(world: World) -> None:
    number = world.register()
    world.plan(number)
    reference, _ = world.evaluate(number)
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(Refused) as refusal:
        world.promote(reference)
    assert str(refusal.value) == (
        "the evidence cannot be promoted: its plan (entry 1) is not in the ledger as a plan of "
        "this candidate, policy and rows; evaluate again"
    )
    assert nothing_appended(world)

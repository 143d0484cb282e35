"""train.yml, promote.yml and rollback.yml from a run to a pod, and each refusal.

Their scripts run as they are, on a real tracking server, with real training, gates under the
shipped policy, signatures, kubectl and a real service; see `repository` for what stands in.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.processes import free_port, inference_service, status_of
from registry.rollout.rollout import served
from registry.tracking.names import ATTESTATION_FILE, CANDIDATES
from tests.github.repository import Project, project
from tests.github.workflows import JobRun
from tests.registry.ci_systems import review
from tests.registry.rollout.stand_in import standing_in
from tests.waiting import wait_until

# The first of them to run trains two models and evaluates both.
pytestmark = pytest.mark.timeout(900)

PODS = "fraud-inference-pods:8000"
BEFORE = ["actions/checkout", "Environment", "Sign in as the promoter", "Sign in as the deployer"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two candidates of two trainings; the second is in Staging, and nothing is in Production."""
    with project(tmp_path_factory.mktemp("project")) as made:
        for number, model in enumerate(("logistic_regression", "hist_gradient_boosting"), 1):
            done = made.train(model)
            assert not done.failed, done.errors
            assert done.outputs == {"candidate": str(number)}
            assert f"| Candidate {number} | Production |" in done.summary
        yield made


@pytest.fixture(scope="module")
def evidence(trained: Project) -> dict[str, str]:
    """What both evaluations passed with, by candidate, while nothing is in Production."""
    references = {}
    for candidate in ("1", "staging"):
        done = trained.evaluate(candidate)
        assert not done.failed, done.errors
        assert "24 of 24 checks passed" in done.output("Evaluate")
        assert done.summary.startswith("## Candidate ")
        references[candidate] = done.outputs["evidence"]
    return references


@contextmanager
def first_served(address: str) -> Iterator[list[float]]:
    """Seconds from the beginning of the block until the service at an address has a model."""
    started, seconds, ended = time.monotonic(), list[float](), threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            if not seconds and status_of(f"{address}/readyz") == 200:
                seconds.append(time.monotonic() - started)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seconds
    finally:
        ended.set()
        thread.join()


def print_seconds(name: str, done: JobRun) -> None:
    """Where the time goes, for docs/benchmarks.md: `make bench-promotion`."""
    print(f"{name}: {sum(step.seconds for step in done.steps):.1f} s")
    for step in done.steps:
        if step.seconds:
            print(f"  {step.name:20} {step.seconds:5.1f} s")


def refusal(
    project: Project, reference: str, *reviews: dict[str, object], attempt: str = "1"
) -> str:
    """The last line of a promotion that was refused with 3, and appended nothing."""
    before = project.actions
    done = project.promote(reference, *reviews, attempt=attempt)
    assert done.outcomes["Promote"] == "failure"
    assert done.outcomes["Watch"] == done.outcomes["Ledger floor"] == "skipped"
    assert project.actions == before
    return done.output("Promote").splitlines()[-1]


def test_what_nobody_may_approve_is_not_promoted(
    trained: Project, evidence: dict[str, str]
) -> None:
    reference = evidence["1"]
    assert "four eyes: github:carol is an author" in refusal(trained, reference, review("carol"))
    rejected = refusal(trained, reference, review("bob", "rejected"))
    assert "no one approved the environment production in this run" in rejected
    elsewhere = refusal(trained, reference, review("bob", environment="staging"))
    assert "only staging" in elsewhere
    again = refusal(trained, reference, review("bob"), attempt="2")
    assert "this is attempt 2 of the run" in again


def test_a_gate_that_fails_ends_the_run_before_anyone_is_asked(trained: Project) -> None:
    """A candidate whose training job attested nothing."""
    run = str(trained.client.get_model_version(CANDIDATES, "1").run_id)
    artifacts = trained.client.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:/")
    attestation = trained.folder / "mlflow" / "artifacts" / artifacts / ATTESTATION_FILE
    kept = shutil.move(attestation, trained.folder / "kept")
    try:
        done = trained.evaluate("1")
    finally:
        shutil.move(kept, attestation)
    assert done.outcomes["Evaluate"] == "failure"
    assert done.outcomes["Report"] == done.outcomes["actions/upload-artifact"] == "success"
    assert done.outputs == {"evidence": ""}
    assert "provenance" in done.summary


def test_a_promotion_reaches_the_pods_and_one_that_fails_there_is_rolled_back(
    trained: Project, evidence: dict[str, str], tmp_path: Path
) -> None:
    settings = {"FRAUD_POLL_SECONDS": "0.3", "FRAUD_FEATURES": "client"}
    config, log = trained.checkout / "ledger.yaml", tmp_path / "service.log"
    cache = {"FRAUD_CACHE": str(tmp_path / "cache")}
    service = inference_service(trained.uri, config, free_port(), log, **settings, **cache)
    with service as (address, _):
        trained.cluster.hosts[PODS] = [address]
        with first_served(address) as served_after:
            done = trained.promote(evidence["1"])
        assert not done.failed, done.errors
        print_seconds("promote.yml", done)
        print(f"first pod serves the new model after {served_after[0]:.1f} s")
        assert [step.name for step in done.steps if step.outcome == "skipped"] == [
            "Roll back",
            "Watch the rollback",
        ]
        assert "approved by github:bob" in done.summary
        assert "1 of 1 pods serve version 1: promote of candidate 1 by github:bob" in (
            done.output("Watch")
        )
        assert status_of(f"{address}/readyz") == 200
        first = trained.ledger.models[-1]
        assert str(trained.ledger.tip and trained.ledger.tip.digest) in trained.calls("helm")[-1]

        moved = refusal(trained, evidence["staging"])  # the head moved while it waited
        assert "Production is no longer the one that the candidate was compared with" in moved

        again = trained.evaluate("2")
        assert not again.failed, again.errors
        other = replace(served(first), digest="f" * 64)
        with standing_in(other) as bad:  # neither the model before nor the new one
            trained.cluster.hosts[PODS] = [address, bad.address]
            done = trained.promote(again.outputs["evidence"])
        print_seconds("promote.yml, rolled back", done)
        assert done.outcomes["Watch"] == "failure"
        assert done.outcomes["Roll back"] == done.outcomes["Ledger floor"] == "success"
        assert trained.actions == ["promote", "promote", "rollback"]
        tip = trained.ledger.tip
        assert tip is not None
        assert tip.statement.entry.approver == "github:bob"
        assert tip.statement.entry.comment.startswith("registry watch: ")
        assert tip.digest in trained.calls("helm")[-1]
        assert f"Rolled back to candidate 1: {tip.statement.entry.comment}" in done.summary

        by_hand = trained.new_run("rollback", "carol", review("bob", comment="seen"))
        trained.cluster.hosts[PODS] = [address]
        inputs = {"action": "rollback", "reason": "false alerts since 09:00", "to": "2"}
        back = by_hand.run("rollback", "append", inputs=inputs)
        assert not back.failed, back.errors
        print_seconds("rollback.yml", back)
        wait_until(lambda: status_of(f"{address}/readyz") == 200, 30)
        assert trained.actions[3:] == ["rollback"]
        entry = trained.ledger.chain[-1].statement.entry
        assert (entry.candidate.version, entry.comment) == (2, "false alerts since 09:00")


def test_each_step_has_the_identity_that_it_needs_and_no_other(
    trained: Project, evidence: dict[str, str]
) -> None:
    assert evidence
    asked = {tuple(call.split()[:3]) for call in trained.calls("az")}
    assert asked == {
        ("default", "acr", "login"),  # train.yml: the deployer alone
        ("default", "aks", "get-credentials"),
        ("default", "keyvault", "secret"),  # promote.yml, evaluate: the evaluator alone
        ("deployer", "acr", "login"),
        ("deployer", "aks", "get-credentials"),
        ("promoter", "keyvault", "secret"),
    }
    used = {tuple(call.split()[:2]) for call in trained.calls("helm")}
    assert used == {
        ("default", "registry"),
        ("deployer", "registry"),
        ("deployer", "get"),
        ("deployer", "upgrade"),
    }


def test_old_evidence_is_refused(trained: Project) -> None:
    policy = trained.checkout / "registry" / "policy.yaml"
    text = policy.read_text()
    policy.write_text(text.replace("evidence_max_age_days: 7", "evidence_max_age_days: 0.000001"))
    trained.commit("Let evidence age at once")
    done = trained.evaluate("2")
    assert "the evidence is" in refusal(trained, done.outputs["evidence"], review("dave"))

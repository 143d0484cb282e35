"""Promote: append approved evidence to the ledger if every condition still holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from registry.errors import Refused
from registry.evaluation.evidence import Evidence, Fetched, fetch_evidence, parse_reference
from registry.evaluation.policy import Policy, advice, parse_policy, policy_bytes
from registry.ledger.chain import Ledger, Link
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.signing import Signer
from registry.ledger.statement import Entry, EvidenceRef, PolicyRef, Statement, format_time
from registry.ledger.trust import Trust
from registry.lifecycle.aliases import repair_or_warn
from registry.lifecycle.append import append, approval_fields, next_place
from registry.lifecycle.approval import Approval, with_comment
from registry.lifecycle.earlier import evaluations, looks_before
from registry.lifecycle.four_eyes import choose, parties
from registry.lifecycle.past import Plans, problem_with_plan
from registry.progress import step
from registry.provenance.trusted import NOTHING_TRUSTED, Trusted
from registry.tracking.client import MlflowClient, read_ledger
from registry.tracking.names import POLICY_FILE

MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far the evaluator's clock may be ahead. Evidence of the future would never grow old."""


def promote(
    client: MlflowClient,
    trust: Trust,
    signer: Signer,
    reference: str,
    approvals: tuple[Approval, ...],
    policy_path: Path,
    *,
    comment: str = "",
    url: str = "",
    trusted: Trusted = NOTHING_TRUSTED,
) -> tuple[Link, bool]:
    """Put the files of approved evidence in force; return the entry, and whether it is new.

    It is idempotent: if the evidence is already in force, only alias and tags are repaired. Raises
    BytesMismatch if anything differs from what was approved, and Refused if a required gate failed,
    the evidence is too old or was made under another policy than the one at `policy_path`, the
    approver has another part in it (`four_eyes`), the ledger is frozen, the head is not the one
    that the candidate was compared with, the evidence allows for fewer earlier looks at its rows
    than there were, its plan does not count, or another promotion won the race.
    """
    approved = parse_reference(reference)
    with step("hashing the evidence again"):
        fetched = fetch_evidence(client, approved)
        ledger = read_ledger(client, trust)
        head = ledger.head
        if head and head.statement.entry.evidence == approved and _is_promotion(head):
            repair_or_warn(client, ledger)
            return head, False
        evidence = fetched.evidence
        policy = _policy(fetched, policy_path)
        _check_trusted(evidence, trusted)
        _check_verdicts(evidence, policy)
        _check_age(evidence, policy)
        _check_ledger(evidence, ledger)
        _check_looks(client, approved, fetched)
        if problem := problem_with_plan(Plans(client, ledger), evidence, MAX_CLOCK_SKEW):
            raise Refused(f"the evidence cannot be promoted: {problem}; evaluate again")
        counted = _verified(approvals) if policy.verified_approver else approvals
        approval = counted[0]
        if policy.four_eyes:
            others = parties(ledger, policy_path)
            approval = choose(counted, evidence.authors, others, trusted.people)
        statement = Statement(
            files=evidence.model_files,
            entry=Entry(
                ledger_id=trust.ledger_id,
                action="promote",
                source=fetched.source,
                candidate=evidence.candidate,
                evidence=approved,
                policy=evidence.policy,
                verdict=_verdict(evidence, policy, approval),
                **next_place(ledger),
                **approval_fields(with_comment(approval, comment, url)),
            ),
        )
    return append(client, trust, signer, statement, evidence), True


def _verified(approvals: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """The approvals that the system where they were given confirmed. Raises Refused without any."""
    verified = tuple(each for each in approvals if each.verified)
    if not verified:
        said = ", ".join(each.approver for each in approvals)
        raise Refused(
            f"the approver {said} is not verified, and the policy wants a verified one: approve in "
            "GitHub Actions, or in Jenkins with JENKINS_USER and JENKINS_API_TOKEN, or set "
            "`verified_approver: false` in the policy and evaluate again"
        )
    return verified


def _verdict(evidence: Evidence, policy: Policy, approval: Approval) -> str:
    """The verdicts in words, and the safeguards that there were not."""
    waived = f"; not required: {', '.join(policy.waived)}" if policy.waived else ""
    said = "" if approval.verified else "; approver said, not verified"
    return f"{evidence.summary}{waived}{said}"


def _is_promotion(link: Link) -> bool:
    return link.statement.entry.action == "promote"


def _policy(fetched: Fetched, path: Path) -> Policy:
    """The policy of the evidence, refused unless it is the one at `path`."""
    policy = parse_policy(fetched.files.get(POLICY_FILE, b""), POLICY_FILE)
    held = fetched.files.manifest.sha256[POLICY_FILE]
    recorded = PolicyRef(name=policy.name, sha256=held)
    if fetched.evidence.policy != recorded:
        raise Refused("the evidence names another policy than it holds; evaluate again")
    applied = sha256_of_bytes(policy_bytes(path))
    if recorded.sha256 != applied:
        raise Refused(
            f"the evidence was made under policy {recorded.name} ({recorded.sha256[:12]}), but "
            f"{path.name} is now {applied[:12]}; evaluate again under it, or pass the other policy "
            "with --policy"
        )
    return policy


def _check_trusted(evidence: Evidence, trusted: Trusted) -> None:
    if evidence.trusted != trusted.sha256:
        raise Refused(
            f"the evidence was made with another provenance.yaml ({evidence.trusted[:12]}) than "
            f"this job's ({trusted.sha256[:12]}); evaluate again with it, or set FRAUD_PROVENANCE"
        )


def _check_verdicts(evidence: Evidence, policy: Policy) -> None:
    try:
        verdicts = policy.verdicts(evidence.measurements)
    except (KeyError, ValidationError) as error:
        raise Refused("a gate's measurements are missing; evaluate again") from error
    if verdicts != evidence.verdicts:
        raise Refused("the recorded verdicts do not follow from the measurements; evaluate again")
    if evidence.blocking:
        gates = ", ".join(verdict.gate for verdict in evidence.blocking)
        raise Refused(
            f"candidate {evidence.candidate.version} did not pass: {gates}; "
            f"{advice(evidence.blocking)}"
        )


def _check_looks(client: MlflowClient, approved: EvidenceRef, fetched: Fetched) -> None:
    """Count the earlier looks again: evaluators that raced did not see each other's."""
    evidence, started_at = fetched.evidence, fetched.started_at
    looks = looks_before(evaluations(client), approved.run_id, started_at, evidence)
    if looks.evaluations > evidence.earlier_looks:
        raise Refused(
            f"the evidence allows for {evidence.earlier_looks} earlier evaluations on these rows, "
            f"but there were {looks.evaluations}; evaluate again"
        )


def _check_age(evidence: Evidence, policy: Policy) -> None:
    age = datetime.now(UTC) - evidence.evaluated_at
    if age < -MAX_CLOCK_SKEW:
        raise Refused(
            f"the evidence is dated {format_time(evidence.evaluated_at)}, which is in the future; "
            "set the clocks of evaluator and promoter, and evaluate again"
        )
    age_days = age.total_seconds() / 86_400
    if age_days > policy.evidence_max_age_days:
        raise Refused(
            f"the evidence is {age_days:.1f} days old, the policy allows "
            f"{policy.evidence_max_age_days:g}; evaluate again"
        )


def _check_ledger(evidence: Evidence, ledger: Ledger) -> None:
    if ledger.frozen:
        entries = (link.statement.entry for link in reversed(ledger.chain))
        freeze = next(entry for entry in entries if entry.action == "freeze")
        raise Refused(
            f"the ledger is frozen by {freeze.approver}: {freeze.comment}; run `registry unfreeze` "
            "first"
        )
    compared = evidence.compared_with.statement if evidence.compared_with else None
    in_force = ledger.head.statement.digest if ledger.head else None
    if compared != in_force:
        raise Refused(
            "Production is no longer the one that the candidate was compared with; evaluate again "
            f"against {ledger.head or 'the empty ledger'}"
        )

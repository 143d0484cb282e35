"""Past: what was planned and judged before an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock

from registry.evaluation.evidence import EvaluatedRows, Evidence
from registry.evaluation.gates.gate import Trial
from registry.evaluation.plan import Plan, fetch_plan
from registry.ledger.chain import Ledger, Link
from registry.ledger.manifest import Manifest
from registry.ledger.statement import PlanRef, PolicyRef
from registry.lifecycle.earlier import Evaluation, Looks, count_looks, evaluations
from registry.tracking.client import MlflowClient


@dataclass(frozen=True)
class Past:
    """What was planned and judged before an evaluation.

    `evaluated_before_plan` is the run of an evaluation of the same candidate on the same rows that
    came before its plan; empty where there is none.
    """

    plan: PlanRef | None
    evaluated_before_plan: str
    looks: Looks

    def of(self, trial: Trial) -> Trial:
        """The trial with its past. A plan names the candidate's files: it seals their bytes too."""
        origin = trial.provenance
        if self.plan is not None:
            sealed = (self.plan.approved_at, origin.sealed_at or self.plan.approved_at)
            origin = replace(origin, sealed_at=min(sealed))
        return replace(
            trial,
            provenance=origin,
            earlier_looks=self.looks.evaluations,
            plan=self.plan,
            evaluated_before_plan=self.evaluated_before_plan,
        )


def past_of(
    client: MlflowClient, ledger: Ledger, files: Manifest, policy: PolicyRef, rows: EvaluatedRows
) -> Past:
    """What was planned and judged before an evaluation of these files on these rows.

    Raises as `first_plan` does.
    """
    past = evaluations(client)
    looks = count_looks(past, files.digest, rows)
    found = first_plan(Plans(client, ledger), files, policy, rows)
    if found is None:
        return Past(None, "", looks)
    link, plan = found
    late = evaluated_before(link, plan, past)
    return Past(plan_ref(link), late.run_id if late else "", looks)


class Plans:
    """The plans of a ledger, each downloaded once. Several threads may share them."""

    def __init__(self, client: MlflowClient, ledger: Ledger) -> None:
        self._client = client
        self._fetched: dict[str, Plan] = {}
        self.links = tuple(link for link in ledger.chain if link.statement.entry.action == "plan")
        self._locks = {link.digest: Lock() for link in self.links}
        self._of: dict[tuple[PolicyRef, frozenset[tuple[str, str]]], list[Link]] = {}
        for link in self.links:
            if not link.overrun:
                of = link.statement.entry.policy, frozenset(link.statement.files.items())
                self._of.setdefault(of, []).append(link)

    def of(self, files: Manifest, policy: PolicyRef) -> list[Link]:
        """The entries that plan these files under this policy, oldest first.

        One that is signed past its key's last sequence does not count, because that key may be
        stolen.
        """
        return self._of.get((policy, frozenset(files.sha256.items())), [])

    def fetch(self, link: Link) -> Plan:
        """The plan of an entry. Raises as `fetch_plan` does."""
        with self._locks[link.digest]:
            if link.digest not in self._fetched:
                self._fetched[link.digest] = fetch_plan(self._client, link.statement)
            return self._fetched[link.digest]


def first_plan(
    plans: Plans, files: Manifest, policy: PolicyRef, rows: EvaluatedRows
) -> tuple[Link, Plan] | None:
    """The first plan in the chain of these files, policy and rows, and its entry.

    The first, not the newest: the longer ago it was signed, the more it shows. Raises
    BytesMismatch where a plan is not the one that was signed, Refused, NotFound and Unreachable.
    """
    for link in plans.of(files, policy):
        plan = plans.fetch(link)
        if plan.data.covers(rows):
            return link, plan
    return None


def plan_ref(link: Link) -> PlanRef:
    """The reference to a plan's entry."""
    entry = link.statement.entry
    return PlanRef(sequence=entry.sequence, statement=link.digest, approved_at=entry.approved_at)


def evaluated_before(link: Link, plan: Plan, past: Iterable[Evaluation]) -> Evaluation | None:
    """The first evaluation of a plan's candidate on its data that came before the plan was signed.

    An evaluation that names the plan came after it, whatever the clocks said.
    """
    statement = link.statement
    files, signed_at = statement.manifest.digest, statement.entry.approved_at
    for one in past:
        is_planned = one.files == files and plan.data.overlaps(one.start, one.end)
        # The time of an entry is to the second.
        came_first = one.started_at.replace(microsecond=0) <= signed_at
        if is_planned and came_first and one.plan != statement.digest:
            return one
    return None


def problem_with_plan(plans: Plans, evidence: Evidence, allowance: timedelta) -> str:
    """Why the plan that the evidence names does not count; empty where it does, or names none.

    `allowance` is how far the clocks of planner and evaluator may be apart. Raises as `first_plan`
    does.
    """
    named = evidence.plan
    if named is None:
        return ""
    files = Manifest(evidence.model_files)
    entries = {plan_ref(link): link for link in plans.of(files, evidence.policy)}
    link = entries.get(named)
    if link is None or not plans.fetch(link).data.covers(evidence.rows):
        return (
            f"its plan (entry {named.sequence}) is not in the ledger as a plan of this candidate, "
            "policy and rows"
        )
    if named.approved_at > evidence.evaluated_at + allowance:
        return f"its plan (entry {named.sequence}) came after the evaluation"
    return ""

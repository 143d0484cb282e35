"""Past: what was planned and judged before an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

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
    found = first_plan(client, ledger, files, policy, rows)
    if found is None:
        return Past(None, "", looks)
    link, plan = found
    late = evaluated_before(link, plan, past)
    return Past(plan_ref(link), late.run_id if late else "", looks)


def first_plan(
    client: MlflowClient, ledger: Ledger, files: Manifest, policy: PolicyRef, rows: EvaluatedRows
) -> tuple[Link, Plan] | None:
    """The first plan in the chain of these files, policy and rows, and its entry.

    The first, not the newest: the longer ago it was signed, the more it shows. One that is signed
    past its key's last sequence does not count, because that key may be stolen. Raises
    BytesMismatch where a plan is not the one that was signed, Refused, NotFound and Unreachable.
    """
    for link in _plans(ledger, files, policy):
        plan = fetch_plan(client, link.statement)
        if plan.data.covers(rows):
            return link, plan
    return None


def _plans(ledger: Ledger, files: Manifest, policy: PolicyRef) -> Iterator[Link]:
    for link in ledger.chain:
        entry = link.statement.entry
        counts = entry.action == "plan" and entry.policy == policy and not link.overrun
        if counts and link.statement.manifest == files:
            yield link


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


def problem_with_plan(
    client: MlflowClient, ledger: Ledger, evidence: Evidence, allowance: timedelta
) -> str:
    """Why the plan that the evidence names does not count; empty where it does, or names none.

    `allowance` is how far the clocks of planner and evaluator may be apart. Raises as `first_plan`
    does.
    """
    named = evidence.plan
    if named is None:
        return ""
    files = Manifest(evidence.model_files)
    entries = {plan_ref(link): link for link in _plans(ledger, files, evidence.policy)}
    link = entries.get(named)
    if link is None or not fetch_plan(client, link.statement).data.covers(evidence.rows):
        return (
            f"its plan (entry {named.sequence}) is not in the ledger as a plan of this candidate, "
            "policy and rows"
        )
    if named.approved_at > evidence.evaluated_at + allowance:
        return f"its plan (entry {named.sequence}) came after the evaluation"
    return ""

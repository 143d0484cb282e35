"""Verify: check every entry of a folded ledger against what the tracking server holds for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from registry.errors import RegistryError
from registry.evaluation.evidence import Evidence, fetch_evidence
from registry.ledger.chain import Ledger, Link
from registry.ledger.checkpoint import false_checkpoints
from registry.ledger.manifest import Manifest
from registry.ledger.tip import Tip
from registry.lifecycle.aliases import needed_repairs
from registry.lifecycle.earlier import evaluations
from registry.lifecycle.immutable import missing_policies
from registry.lifecycle.past import Plans, evaluated_before, first_plan, problem_with_plan
from registry.lifecycle.promote import MAX_CLOCK_SKEW
from registry.lifecycle.verified import Verified, name_of
from registry.tracking.client import MlflowClient
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry

DOWNLOADS = 4
"""Entries whose files are downloaded at the same time, and may be in memory together."""


@dataclass(frozen=True)
class Verification:
    """The result of `verify`: `stale` are aliases and tags that `repair` would set, no problem.

    Of the `entries`, the files of `remembered` were not downloaded again. `warnings` are about
    where the files are kept, and no problem of the ledger.
    """

    entries: int
    problems: tuple[str, ...]
    stale: tuple[str, ...]
    tip: Tip | None
    remembered: int = 0
    warnings: tuple[str, ...] = ()


def verify(client: MlflowClient, ledger: Ledger, verified: Verified | None = None) -> Verification:
    """Check the ledger's findings, the files and evidence of every entry, and alias and tags.

    Files and evidence that `verified` remembers are not downloaded again, except those of the
    model in force; what is verified now is added to it.
    """
    verified = verified or Verified(None)
    plans = Plans(client, ledger)
    problems = [str(finding) for finding in ledger.findings if finding.kind != "repeated"]
    problems += [f"{link}: its checkpoint is false" for link in false_checkpoints(ledger)]
    to_check, remembered = _to_check(ledger, verified)
    problems += _damaged_files(client, plans, to_check, verified)
    problems += _bad_plans(client, plans)
    stale: tuple[str, ...] = ()
    try:
        stale = tuple(repair.problem for repair in needed_repairs(client, ledger))
    except RegistryError as error:  # without a head, alias and tags cannot be compared with it
        problems.append(str(error))
    warnings = tuple(missing_policies(ledger))
    tip = Tip.of(ledger)
    return Verification(len(ledger.chain), tuple(problems), stale, tip, remembered, warnings)


def _to_check(ledger: Ledger, verified: Verified) -> tuple[dict[str, Link], int]:
    """The entries to download by `name_of`, and the number of those that need not be."""
    in_force = name_of(ledger.models[-1]) if ledger.models else ""
    to_check: dict[str, Link] = {}
    remembered = 0
    for link in ledger.chain:
        if link.statement.entry.action == "plan":
            continue  # its files are the candidate's own, which may be deleted
        name = name_of(link)
        if name in verified and name != in_force:
            remembered += 1
        else:
            # Freezes and rollbacks repeat files: the same files at one address are hashed once.
            to_check.setdefault(name, link)
    return to_check, remembered


def _damaged_files(
    client: MlflowClient, plans: Plans, to_check: dict[str, Link], verified: Verified
) -> Iterator[str]:
    """What is wrong with each entry's model files or, where these match, with its evidence."""
    registry = Registry(client.tracking_uri)

    def problem_of(link: Link) -> str:
        try:
            fetch_verified(registry, link)
            evidence_run = link.statement.entry.evidence
            evidence = fetch_evidence(client, evidence_run).evidence
            problem = _problem_with_plan_of(plans, evidence)
            return f"evidence run {evidence_run.run_id}: {problem}" if problem else ""
        except RegistryError as error:
            return str(error)

    with ThreadPoolExecutor(DOWNLOADS) as downloads:
        try:
            for name, problem in zip(
                to_check, downloads.map(problem_of, to_check.values()), strict=True
            ):
                if problem:
                    yield problem
                else:
                    verified.add(name)
        finally:  # after an interrupt, entries that wait are not downloaded any more
            downloads.shutdown(cancel_futures=True)


def _problem_with_plan_of(plans: Plans, evidence: Evidence) -> str:
    """What is wrong with the plan of evidence: one that it does not name came after it."""
    if evidence.plan:
        return problem_with_plan(plans, evidence, MAX_CLOCK_SKEW)
    found = first_plan(plans, Manifest(evidence.model_files), evidence.policy, evidence.rows)
    return f"{_name(found[0])} came after the evaluation" if found else ""


def _bad_plans(client: MlflowClient, plans: Plans) -> Iterator[str]:
    """Plans that are damaged, or whose candidate had been evaluated on their data before."""
    past = evaluations(client) if plans.links else []
    for link in plans.links:
        try:
            late = evaluated_before(link, plans.fetch(link), past)
        except RegistryError as error:
            yield str(error)
            continue
        if late:
            yield f"evidence run {late.run_id}: {_name(link)} came after an evaluation"


def _name(plan: Link) -> str:
    return f"its plan (entry {plan.statement.entry.sequence})"

"""Verify: check every entry of a folded ledger against what the tracking server holds for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from registry.errors import RegistryError
from registry.evaluation.evidence import Evidence, fetch_evidence
from registry.evaluation.plan import fetch_plan
from registry.ledger.chain import Ledger, Link
from registry.ledger.manifest import Manifest
from registry.ledger.tip import Tip
from registry.lifecycle.aliases import needed_repairs
from registry.lifecycle.earlier import evaluations
from registry.lifecycle.past import evaluated_before, first_plan, problem_with_plan
from registry.lifecycle.promote import MAX_CLOCK_SKEW
from registry.tracking.client import MlflowClient
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry


@dataclass(frozen=True)
class Verification:
    """The result of `verify`: `stale` are aliases and tags that `repair` would set, no problem."""

    entries: int
    problems: tuple[str, ...]
    stale: tuple[str, ...]
    tip: Tip | None


def verify(client: MlflowClient, ledger: Ledger) -> Verification:
    """Check the ledger's findings, the files and evidence of every entry, and alias and tags."""
    problems = [str(finding) for finding in ledger.findings if finding.kind != "repeated"]
    problems += _damaged_files(client, ledger)
    problems += _bad_plans(client, ledger)
    stale: tuple[str, ...] = ()
    try:
        stale = tuple(repair.problem for repair in needed_repairs(client, ledger))
    except RegistryError as error:  # without a head, alias and tags cannot be compared with it
        problems.append(str(error))
    return Verification(len(ledger.chain), tuple(problems), stale, Tip.of(ledger))


def _damaged_files(client: MlflowClient, ledger: Ledger) -> Iterator[str]:
    """What is wrong with each entry's model files or, where these match, with its evidence."""
    registry = Registry(client.tracking_uri)
    checked: set[tuple[str, str]] = set()
    for link in ledger.chain:
        entry = link.statement.entry
        if entry.action == "plan":
            continue  # its files are the candidate's own, which may be deleted
        # Freezes and rollbacks repeat files: the same files at one address are hashed once.
        files = (entry.source, json.dumps(link.statement.files, sort_keys=True))
        if files in checked:
            continue
        checked.add(files)
        try:
            fetch_verified(registry, link)
            evidence = fetch_evidence(client, entry.evidence).evidence
            if problem := _problem_with_plan_of(client, ledger, evidence):
                yield f"evidence run {entry.evidence.run_id}: {problem}"
        except RegistryError as error:
            yield str(error)


def _problem_with_plan_of(client: MlflowClient, ledger: Ledger, evidence: Evidence) -> str:
    """What is wrong with the plan of evidence: one that it does not name came after it."""
    if evidence.plan:
        return problem_with_plan(client, ledger, evidence, MAX_CLOCK_SKEW)
    files = Manifest(evidence.model_files)
    found = first_plan(client, ledger, files, evidence.policy, evidence.rows)
    return f"{_name(found[0])} came after the evaluation" if found else ""


def _bad_plans(client: MlflowClient, ledger: Ledger) -> Iterator[str]:
    """Plans that are damaged, or whose candidate had been evaluated on their data before."""
    plans = [link for link in ledger.chain if link.statement.entry.action == "plan"]
    past = evaluations(client) if plans else []
    for link in plans:
        try:
            late = evaluated_before(link, fetch_plan(client, link.statement), past)
        except RegistryError as error:
            yield str(error)
            continue
        if late:
            yield f"evidence run {late.run_id}: {_name(link)} came after an evaluation"


def _name(plan: Link) -> str:
    return f"its plan (entry {plan.statement.entry.sequence})"

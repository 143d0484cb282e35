"""Needed: what the ledger, people and other models still need of the runs of old candidates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import unquote

from registry.errors import VerificationError
from registry.ledger.chain import Ledger
from registry.ledger.trust import Trust
from registry.lifecycle.pending import RUN_ID, pending
from registry.tracking.client import (
    MlflowClient,
    ModelVersion,
    Run,
    ViewType,
    read_ledger,
    server_errors,
    suppress_missing,
)
from registry.tracking.names import (
    CANDIDATE_RUN_TAG,
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    PRODUCTION,
    PRUNED_TAG,
)
from registry.tracking.overview import evidence_runs
from registry.tracking.removal import Family, all_pages, family_of
from registry.tracking.rest import Registry

NO_ID = re.compile(r"[^0-9A-Za-z-]+")
READING = "reading what is needed"


@dataclass(frozen=True)
class Registered:
    """A training run, and the candidates that were registered from it.

    Without any, it is what a prune that was interrupted has left.
    """

    run_id: str
    versions: tuple[ModelVersion, ...]

    @property
    def candidates(self) -> tuple[int, ...]:
        return tuple(int(version.version) for version in self.versions)

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.candidates))
        return f"candidate {numbers} (run {self.run_id})" if numbers else f"run {self.run_id}"


class Needed:
    """What is on the server, and which candidates older than `before` somebody needs.

    What names a run, a logged model or a candidate is listed once. What may change while old
    candidates are deleted is read again for each of them: the ledger, aliases, evidence, versions.
    """

    def __init__(self, client: MlflowClient, trust: Trust, before: datetime) -> None:
        """Raises VerificationError where the ledger does not verify, and Unreachable."""
        self._client, self._trust = client, trust
        self._registry = Registry(client.tracking_uri)
        self._before_ms = int(before.timestamp() * 1000)
        self._read()

    def _read(self) -> None:
        """What names each id: a ledger entry, a version of a model, an experiment."""
        ledger = _sound(read_ledger(self._client, self._trust))
        self._ledger_versions = _last_number(ledger)
        names: defaultdict[str, set[str]] = defaultdict(set)
        for link in ledger.chain:
            entry = link.statement.entry
            candidate = f"{CANDIDATES}/{entry.candidate.version}"
            for each in (candidate, entry.candidate.run_id, entry.evidence.run_id):
                names[each].add(f"ledger entry {entry.sequence}")
            for each in _ids_in(entry.source):
                names[each].add(f"ledger entry {entry.sequence}")
        for evidence_run, candidate in pending(self._registry, ledger.head):
            names[candidate].add(f"evidence run {evidence_run}, which waits for approval")
        with server_errors(READING):
            self._versions = list(all_pages(self._client.search_model_versions))
            experiments = list(all_pages(partial(self._client.search_experiments, ViewType.ALL)))
        for version in self._versions:
            for each in {str(version.run_id), *_ids_in(str(version.source))}:
                names[each].add(_name(version))
        for experiment in experiments:
            for each in _ids_in(experiment.artifact_location):
                names[each].add(f"experiment {experiment.name}")
        self._names = names
        self._experiments = {each.experiment_id: each.name for each in experiments}

    def registered(self) -> list[Registered]:
        """The runs that candidates were registered from, oldest candidates first; then leftovers.

        Raises Unreachable.
        """
        by_run: defaultdict[str, list[ModelVersion]] = defaultdict(list)
        for version in sorted(self._versions, key=lambda version: int(version.version)):
            if version.name == CANDIDATES:
                by_run[str(version.run_id)].append(version)
        with server_errors(READING):
            search = partial(
                self._client.search_runs, list(self._experiments), f"tags.{PRUNED_TAG} LIKE '%'"
            )
            marked = list(all_pages(search))
        leftovers = {str(run.info.run_id): list[ModelVersion]() for run in marked}
        return [Registered(run, tuple(them)) for run, them in {**leftovers, **by_run}.items()]

    def look(self, old: Registered) -> tuple[str, Family | None]:
        """Why a run and its candidates are kept, or else an empty text; and what belongs to it.

        Raises as `Needed` does.
        """
        if any(version.creation_timestamp >= self._before_ms for version in old.versions):
            return "it is newer", None
        if not RUN_ID.fullmatch(old.run_id):
            return "it names no run", None
        with server_errors(READING):
            if reason := next(self._reasons(old), ""):
                return reason, None
            family = family_of(self._client, old.run_id)
            return (next(self._reasons_of(old, family), "") if family else ""), family

    def _reasons(self, old: Registered) -> Iterator[str]:
        names = {f"{CANDIDATES}/{number}" for number in old.candidates}
        yield from self._named(old, {old.run_id, *names})
        if next(iter(self._registry.versions(self._ledger_versions + 1)), None):
            self._read()
            yield from self._named(old, {old.run_id, *names})
        for number in old.candidates:
            with suppress_missing():  # deleted meanwhile
                for alias in self._client.get_model_version(CANDIDATES, str(number)).aliases:
                    yield f"needed by the alias {alias}"
        for version in self._client.search_model_versions(f"run_id = '{old.run_id}'"):
            if _name(version) not in map(_name, old.versions):
                yield f"needed by {_name(version)}"
        since = f"attributes.start_time >= {self._before_ms}"
        condition = f"tags.{CANDIDATE_RUN_TAG} = '{old.run_id}' and {since}"
        for evidence in evidence_runs(self._registry, condition):
            yield f"evidence run {evidence.run_id} is newer"

    def _reasons_of(self, old: Registered, family: Family) -> Iterator[str]:
        yield from self._named(old, set(family.folders))
        for run in family.runs:
            if self._is_evidence(run):
                yield f"run {run.info.run_id} is evidence"
            if run.info.start_time >= self._before_ms:
                yield f"run {run.info.run_id} is newer"
        if family.foreign_folder:
            yield f"{family.foreign_folder} may be shared, or is not behind the tracking server"

    def _named(self, old: Registered, ids: set[str]) -> Iterator[str]:
        """What names one of the ids, except the candidates themselves."""
        themselves = set(map(_name, old.versions))
        for each in sorted(ids):
            for name in sorted(self._names.get(each, set()) - themselves):
                yield f"needed by {name}"

    def _is_evidence(self, run: Run) -> bool:
        """Whether it is in the evidence experiment, or was before that was renamed.

        An experiment that is new may be that one.
        """
        experiment = self._experiments.get(run.info.experiment_id, EVIDENCE_EXPERIMENT)
        return experiment == EVIDENCE_EXPERIMENT or CANDIDATE_RUN_TAG in run.data.tags


def _sound(ledger: Ledger) -> Ledger:
    """The ledger, if `verify` would find nothing wrong with its versions."""
    _ = ledger.head  # raises where the chain is broken or in doubt
    for finding in ledger.findings:
        if finding.kind != "repeated":
            raise VerificationError(
                f"{PRODUCTION}: {finding}; nothing is deleted while `registry verify` finds a "
                "problem"
            )
    return ledger


def _last_number(ledger: Ledger) -> int:
    numbers = [link.version for link in ledger.chain] + [each.version for each in ledger.findings]
    return max(numbers, default=0)


def _name(version: ModelVersion) -> str:
    if version.name == CANDIDATES:
        return f"candidate {version.version}"
    return f"version {version.version} of {version.name}"


def _ids_in(address: str) -> set[str]:
    """The parts of an address, among them the ids of runs and models, however it is written.

    And the version of a registered model that `models:/NAME/VERSION` names.
    """
    plain = unquote(address)
    return {plain.removeprefix("models:/"), *NO_ID.split(plain)}

"""The trial of a candidate: its files fetched and checked, then scored beside Production."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from registry.errors import ContractError, Refused
from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.gates.integrity import Integrity
from registry.evaluation.isolated import IsolatedScorer, Limits, ModelProcess
from registry.evaluation.policy import Policy
from registry.evaluation.rows import EvaluationRows
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.lifecycle.origin import Origin, origin_of, origin_of_entry
from registry.model.scorer import read_model
from registry.progress import step
from registry.provenance.facts import UNKNOWN
from registry.provenance.trusted import Trusted
from registry.tracking.candidates import download_candidate
from registry.tracking.client import MlflowClient, ModelVersion, Run, download_file, server_errors
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import FILES_TAG, PARITY_FILE
from registry.tracking.rest import Registry

MAX_PARITY_BYTES = 2**28
"""The file of parity rows. Training logs 10,000 rows, which are a few megabytes."""


@dataclass(frozen=True)
class Fetched:
    """A candidate's files, which may be run, and all that was fetched with them."""

    files: Files
    problems: tuple[str, ...]
    parity: bytes
    origin: Origin
    run_status: str


def fetch(client: MlflowClient, version: ModelVersion, policy: Policy, trusted: Trusted) -> Fetched:
    """Fetch a candidate, check its files before anything is run, and where they come from.

    Raises Refused where the files may not be run, and what reading them raises.
    """
    with server_errors(f"reading the run of candidate {version.version}"):
        run: Run = client.get_run(str(version.run_id))
    with step(f"downloading candidate {version.version}"):
        files = download_candidate(client, version)
    with step("checking its files"):
        problems = _file_problems(policy, files, version)
    with step("verifying where it comes from"):
        origin = origin_of(client, version, run, files, trusted)
    address = f"{run.info.artifact_uri}/{PARITY_FILE}"
    parity = download_file(client, address, MAX_PARITY_BYTES)
    return Fetched(files, problems, parity, origin, str(run.info.status))


def _file_problems(policy: Policy, files: Files, version: ModelVersion) -> tuple[str, ...]:
    """What the gate `integrity` finds in the files. Raises Refused where it is required."""
    gate = policy.gate(Integrity)
    if gate is None:
        return ()
    problems = gate.problems(files, version.tags.get(FILES_TAG), policy.limits)
    if problems and gate.required:
        raise Refused(
            f"candidate {version.version} was not run, because of its files: {'; '.join(problems)}"
        )
    return problems


def score(
    client: MlflowClient,
    fetched: Fetched,
    head: Link | None,
    rows: EvaluationRows,
    policy: Policy,
    stack: ExitStack,
) -> Trial:
    """Score the candidate, and Production beside it, each in a process of its own.

    Leaving `stack` ends the processes. Raises what `ModelProcess` and fetching Production raise.
    """
    production_files: Files | None = None
    if head is not None:
        with step(f"fetching Production (ledger version {head.version})"):
            production_files = fetch_verified(Registry(client.tracking_uri), head)
    with step(f"scoring {len(rows.labelled.labels):,} transactions"):
        candidate = _scored("candidate", fetched.files, rows, policy.limits, stack)
        production = None
        if production_files is not None:
            production = _scored("Production", production_files, rows, policy.limits, stack)
    return Trial(
        rows=rows,
        costs=policy.costs_of(candidate.scorer.contract),
        candidate=candidate,
        production=production,
        parity=fetched.parity,
        run_status=fetched.run_status,
        file_problems=fetched.problems,
        limits=policy.limits,
        provenance=fetched.origin.provenance,
        production_provenance=origin_of_entry(client, head) if head else UNKNOWN,
    )


def _scored(
    name: str, files: Files, rows: EvaluationRows, limits: Limits, stack: ExitStack
) -> ScoredModel:
    process = stack.enter_context(ModelProcess(name, limits))
    scorer = IsolatedScorer(process, *read_model(files))
    scores = scorer.score(rows.encoded(scorer.contract))
    wrong = int((~((scores >= 0) & (scores <= 1))).sum())
    if wrong or len(scores) != len(rows.labelled.labels):
        raise ContractError(
            f"the {name} model gives no probability for {wrong or 'some'} of the "
            f"{len(rows.labelled.labels)} rows; is an input missing that the model cannot handle?"
        )
    return ScoredModel(files, scorer, scores)

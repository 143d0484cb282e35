"""Descriptions in Markdown of what is in Production, for MLflow's UI.

For people only, and trusted by nothing: whoever may write to the registered model can change them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from pydantic import ValidationError

from registry.errors import RegistryError
from registry.evaluation.evidence import MAX_EVIDENCE_BYTES, Evidence
from registry.evaluation.gates import decisions, floor, no_worse
from registry.ledger.statement import Entry
from registry.report.numbers import quantity
from registry.tracking.client import MlflowClient, download_file
from registry.tracking.evidence_file import evidence_address, is_evidence_of
from registry.tracking.names import CANDIDATES

MAX_LENGTH = 5000
"""Characters of a description in MLflow's database."""
AVERAGE_PRECISION = "average_precision"

CANDIDATES_NOTE = (
    "Candidates. The alias `staging` marks the one that is evaluated next; what is in Production "
    "is in `fraud-detector-production`."
)
LEDGER_NOTE = (
    "Each version is a signed entry of the ledger: what was put in Production, by whose approval "
    "and on what evidence. The alias `production` marks the one in force, for people; `registry "
    "status` and `registry history` read the signatures."
)
EVIDENCE_NOTE = (
    "Each run is the evidence of one evaluation: the gates' results, the report, and a copy of the "
    "files that were judged. `registry promote` takes only the digest that was approved."
)


def describe(entry: Entry, evidence: Evidence | None) -> str:
    """The description of an entry's version; with numbers where there is evidence for them."""
    done = f"{entry.action} by `{entry.approver}`"
    time = f"{entry.approved_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    lines = [f"At {time}: {done}."]
    if entry.puts_in_force:
        candidate = f"**Candidate {entry.candidate.version}** of `{CANDIDATES}`"
        lines = [f"{candidate}, in Production from {time} on: {done}."]
        if evidence:
            lines += ["", "| on the evaluation rows | |", "|---|---|"]
            lines += [f"| {name} | {value} |" for name, value in _facts(evidence)]
        link = f"[Evidence](#/runs/{entry.evidence.run_id}) `{entry.evidence}`"
        lines += ["", f"{link}: {entry.verdict}."]
    lines += ["", *(f"> {line}" for line in entry.comment.splitlines())]
    if entry.url:
        lines += ["", f"<{entry.url}>"]
    return "\n".join(lines)[:MAX_LENGTH]


def _facts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What was measured; of the gates, those that the policy has."""
    measured = evidence.measurements
    for gate in (floor.NAME, no_worse.NAME):
        if AVERAGE_PRECISION in (values := measured.get(gate, {}).get("candidate", {})):
            yield "average precision", quantity(values[AVERAGE_PRECISION], "score")
            break
    if "threshold" in (values := measured.get(decisions.NAME, {})):
        yield "threshold", f"{values['threshold']:.6g}"
    rows = evidence.rows
    yield "transactions", f"{rows.count:,}, of which {rows.frauds:,} are frauds"
    yield "period", f"{rows.start:%Y-%m-%d} to {rows.end:%Y-%m-%d}"


def evidence_of(client: MlflowClient, entry: Entry) -> Evidence | None:
    """The evidence that an entry names; None where it cannot be had: a rollback does not wait."""
    try:
        content = download_file(client, evidence_address(entry), MAX_EVIDENCE_BYTES)
        if is_evidence_of(entry, content):
            return Evidence.model_validate_json(content)
    except (RegistryError, ValidationError):
        pass
    return None

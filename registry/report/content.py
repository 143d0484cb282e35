"""The content of a report, in the order of the page: plain values, ready to be rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from registry.evaluation.evidence import Evidence, past_sentences
from registry.evaluation.gates.gate import Trial, Verdict
from registry.evaluation.gates.no_worse import Interval, NoWorse, NoWorseMeasured
from registry.evaluation.gates.slices import Slices
from registry.evaluation.looks import alpha_of_look
from registry.evaluation.policy import Policy
from registry.ledger.statement import format_time
from registry.provenance.facts import claimed_names
from registry.report.business import at_budget, changed_decisions, count
from registry.report.tables import business_row, gate_row, provenance_rows, shorten, slice_rows

MAX_NAMED_GATES = 3
MAX_FAILURES = 5
MAX_NOTE_LENGTH = 200
"""Characters of a note in the summary; the table of all gates shows more of it."""

MAX_SLICES = 8


@dataclass(frozen=True)
class Picture:
    """A picture: its file under `plots/`, what it shows, and how to read it."""

    file: str
    title: str
    caption: str


@dataclass(frozen=True)
class Page:
    """Everything that both forms of the report show; a row of a table is a tuple of its cells."""

    headline: str
    promotable: bool
    reasons: tuple[str, ...]
    budget: str
    business: tuple[tuple[str, ...], ...]
    compared: bool
    likely: str
    decisions: str
    gates: tuple[tuple[str, ...], ...]
    slices: tuple[tuple[str, ...], ...]
    slices_left: int
    provenance: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]


def build(evidence: Evidence, trial: Trial, policy: Policy, files: Mapping[str, str]) -> Page:
    """The page on the evidence; `files` maps each file that was evaluated to its sha256."""
    slices = slice_rows(evidence, policy.gate(Slices))
    return Page(
        headline=headline(evidence),
        promotable=not evidence.blocking,
        reasons=tuple(_reasons(evidence, policy)),
        budget=_budget(evidence, policy, trial),
        business=tuple(business_row(row) for row in at_budget(trial, intervals(evidence))),
        compared=trial.production is not None,
        likely=_likely(evidence, policy),
        decisions=decisions_sentence(trial),
        gates=tuple(gate_row(verdict) for verdict in evidence.verdicts),
        slices=slices[:MAX_SLICES],
        slices_left=max(0, len(slices) - MAX_SLICES),
        provenance=tuple(provenance_rows(evidence, policy)),
        files=tuple(sorted(files.items())),
    )


def intervals(evidence: Evidence) -> dict[str, Interval]:
    """The intervals of the differences candidate − Production, by measure; empty without any."""
    measured = _no_worse(evidence)
    return {} if measured is None else measured.intervals


def _no_worse(evidence: Evidence) -> NoWorseMeasured | None:
    recorded = evidence.measurements.get(NoWorse.name)
    return None if recorded is None else NoWorseMeasured.model_validate(recorded)


def headline(evidence: Evidence) -> str:
    candidate, blocking = f"Candidate {evidence.candidate.version}", evidence.blocking
    if not blocking:
        return f"{candidate} may be promoted."
    return f"{candidate} must not be promoted: {_names(blocking)} failed."


def _names(verdicts: tuple[Verdict, ...]) -> str:
    names = [verdict.gate for verdict in verdicts]
    if len(names) > MAX_NAMED_GATES:
        names[MAX_NAMED_GATES - 1 :] = [f"{len(names) - MAX_NAMED_GATES + 1} more gates"]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _reasons(evidence: Evidence, policy: Policy) -> Iterator[str]:
    required = sum(verdict.required for verdict in evidence.verdicts)
    blocking, advisory = evidence.blocking, evidence.advisory
    if blocking:
        yield f"{len(blocking)} of {required} required gates failed."
        yield from (_failure(verdict) for verdict in blocking[:MAX_FAILURES])
        if len(blocking) > MAX_FAILURES:
            yield f"{len(blocking) - MAX_FAILURES} more are in the table of all gates."
    else:
        yield f"All {required} required gates passed."
    yield from (f"Advisory, does not block: {_failure(verdict)}" for verdict in advisory)
    if not blocking:
        until = evidence.evaluated_at + timedelta(days=policy.evidence_max_age_days)
        who = " by someone who is not an author" if policy.four_eyes else ""
        yield f"It may go to Production until {format_time(until)}, once it is approved{who}."
    if policy.waived:
        yield f"This policy does not require: {', '.join(policy.waived)}."
    if claimed := claimed_names(evidence.facts):
        yield f"Only claimed by its author, and verified by nothing: {', '.join(claimed)}."
    if evidence.compared_with is None:
        yield "Nothing is in Production yet: there is nothing to compare with."
    yield from past_sentences(evidence)


def _failure(verdict: Verdict) -> str:
    gate, requirement, measured, bound, _, note = gate_row(verdict)
    why = f" ({shorten(note, MAX_NOTE_LENGTH)})" if note else ""
    return f"{gate} failed. Required: {requirement}. Measured: {measured}, bound {bound}{why}."


def _budget(evidence: Evidence, policy: Policy, trial: Trial) -> str:
    text = f"At the alert budget of {trial.costs.budget_per_day:,} a day"
    if note := policy.budget_note(trial.candidate.scorer.contract.alert_budget_per_day):
        text += f" ({note})"
    if evidence.compared_with is not None:
        text += f", compared with Production (ledger version {evidence.compared_with.version})"
    return text


def _likely(evidence: Evidence, policy: Policy) -> str:
    """How to read the intervals; empty where there are none."""
    gate, measured = policy.gate(NoWorse), _no_worse(evidence)
    if gate is None or measured is None or not measured.intervals:
        return ""
    confidence = 1 - alpha_of_look(gate.alpha, measured.earlier_looks)
    unit = "clusters (such as customers)" if measured.clustered else "transactions"
    return (
        f"Likely range: from {measured.resamples:,} resamples of the {unit}, the same for both "
        f"models; each end is one-sided, with {100 * confidence:.6g}% confidence. "
        "The range of the frauds caught is for as many frauds as there are in these rows."
    )


def decisions_sentence(trial: Trial) -> str:
    """How many transactions get a different decision, at each model's own threshold."""
    labels = trial.rows.labelled.labels
    changed, total = changed_decisions(trial), len(labels)
    if changed is None:
        sent = count(labels, trial.candidate.needs_review)
        return (
            f"At its threshold the candidate sends {sent.total:,} of {total:,} transactions "
            f"({sent.total / total:.2%}) to review: {sent}."
        )
    return (
        f"At each model's own threshold {changed.total:,} of {total:,} transactions "
        f"({changed.total / total:.2%}) get a different decision: "
        f"{changed.to_review.total:,} from approve to review ({changed.to_review}), "
        f"{changed.to_approve.total:,} from review to approve ({changed.to_approve})."
    )

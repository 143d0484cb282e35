"""What a report says, in the order in which it says it: plain values, ready to be set in a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from registry.evaluation.evidence import Evidence
from registry.evaluation.gates.gate import Trial, Verdict
from registry.evaluation.gates.lineage import Lineage
from registry.evaluation.gates.no_worse import Interval, NoWorse, NoWorseMeasured
from registry.evaluation.gates.slices import Slices
from registry.evaluation.policy import Policy
from registry.ledger.statement import format_time
from registry.report.business import at_budget, changed_decisions, count
from registry.report.tables import business_row, gate_row, judged_rows, shorten, slice_rows

NAMED_GATES = 3
TOLD_FAILURES = 5
SHORT_NOTE = 200
"""Characters of a note on the first screen; the table of all gates has more of it."""

WORST_SLICES = 8


@dataclass(frozen=True)
class Picture:
    """One picture: its file under `plots/`, what it shows, and how to read it."""

    file: str
    title: str
    caption: str


@dataclass(frozen=True)
class Page:
    """All that both forms of the report show; a row of a table is a tuple of its cells."""

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
    judged: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]


def build(evidence: Evidence, trial: Trial, policy: Policy, files: Mapping[str, str]) -> Page:
    """Say what the evidence says; `files` is each file that was judged, by its sha256."""
    slices = slice_rows(evidence, policy.gate(Slices))
    return Page(
        headline=headline(evidence),
        promotable=not evidence.blocking,
        reasons=tuple(_reasons(evidence, policy)),
        budget=_budget(evidence, policy),
        business=tuple(business_row(one) for one in at_budget(trial, intervals(evidence))),
        compared=trial.production is not None,
        likely=_likely(evidence, policy),
        decisions=decisions_sentence(trial),
        gates=tuple(gate_row(one) for one in evidence.verdicts),
        slices=slices[:WORST_SLICES],
        slices_left=max(0, len(slices) - WORST_SLICES),
        judged=tuple(judged_rows(evidence, policy)),
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
    names = [one.gate for one in verdicts]
    if len(names) > NAMED_GATES:
        names[NAMED_GATES - 1 :] = [f"{len(names) - NAMED_GATES + 1} more gates"]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _reasons(evidence: Evidence, policy: Policy) -> Iterator[str]:
    required = sum(one.required for one in evidence.verdicts)
    blocking, advisory = evidence.blocking, evidence.advisory
    if blocking:
        yield f"{len(blocking)} of {required} required gates failed."
        yield from (_failure(one) for one in blocking[:TOLD_FAILURES])
        if len(blocking) > TOLD_FAILURES:
            yield f"{len(blocking) - TOLD_FAILURES} more are in the table of all gates."
    else:
        yield f"All {required} required gates passed."
    yield from (f"Advisory, stops nothing: {_failure(one)}" for one in advisory)
    if not blocking:
        until = evidence.evaluated_at + timedelta(days=policy.evidence_max_age_days)
        who = " by someone who is not an author" if policy.four_eyes else ""
        yield f"It may go to Production until {format_time(until)}, once it is approved{who}."
    if not policy.four_eyes:
        yield "This policy lets an author approve: four-eyes is off."
    lineage = policy.gate(Lineage)
    if lineage is not None and not lineage.clean_tree:
        yield "This policy lets a candidate be trained with uncommitted changes."
    if evidence.compared_with is None:
        yield "Nothing is in Production yet: there is nothing to compare with."


def _failure(one: Verdict) -> str:
    gate, asks, measured, bound, _, note = gate_row(one)
    why = f" ({shorten(note, SHORT_NOTE)})" if note else ""
    return f"{gate} failed. Asked: {asks}. Measured: {measured}, bound {bound}{why}."


def _budget(evidence: Evidence, policy: Policy) -> str:
    text = f"At the alert budget of {policy.alert_budget_per_day:,} a day"
    if evidence.compared_with is not None:
        text += f", compared with Production (ledger version {evidence.compared_with.version})"
    return text


def _likely(evidence: Evidence, policy: Policy) -> str:
    """How the intervals are to be read; empty where there are none."""
    gate, measured = policy.gate(NoWorse), _no_worse(evidence)
    if gate is None or measured is None or not measured.intervals:
        return ""
    unit = "clusters (such as customers)" if measured.clustered else "transactions"
    return (
        f"Likely: from {measured.resamples:,} resamples of the {unit}, the same for both models; "
        f"each end is one-sided, with {1 - gate.alpha:.0%} confidence. "
        "That of the frauds caught is for as many frauds as there are in these rows."
    )


def decisions_sentence(trial: Trial) -> str:
    """How many transactions get another decision, at each model's own threshold."""
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
        f"({changed.total / total:.2%}) get another decision: "
        f"{changed.to_review.total:,} from approve to review ({changed.to_review}), "
        f"{changed.to_approve.total:,} from review to approve ({changed.to_approve})."
    )

"""The tables of a report: each row a tuple of cells, text as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from registry.evaluation.evidence import Evidence
from registry.evaluation.gates.gate import Verdict
from registry.evaluation.gates.slices import Slices, SlicesMeasured
from registry.evaluation.policy import GATES, Policy
from registry.ledger.statement import format_time
from registry.report.business import Comparison
from registry.report.numbers import change, gate_value, interval, quantity

MAX_TEXT_LENGTH = 500
"""Characters of a requirement or note; the full text is in `evidence.json`."""

NOTHING = "–"


def business_row(comparison: Comparison) -> tuple[str, ...]:
    """Name, candidate, Production, difference, likely range, reading."""
    name, unit = comparison.name, comparison.unit
    candidate, ends = quantity(comparison.candidate, unit), comparison.interval
    if comparison.production is None or comparison.difference is None:
        return name, candidate, NOTHING, NOTHING, NOTHING, NOTHING
    likely = interval(ends.lower, ends.upper, unit) if ends else NOTHING
    production, difference = (
        quantity(comparison.production, unit),
        change(comparison.difference, unit),
    )
    return name, candidate, production, difference, likely, comparison.reading or NOTHING


def verdict_word(*, passed: bool, required: bool) -> str:
    if passed:
        return "passed" if required else "passed (advisory)"
    return "FAILED" if required else "failed (advisory)"


def gate_row(verdict: Verdict) -> tuple[str, ...]:
    """Gate, requirement, measured, bound, verdict, note."""
    gate = verdict.gate
    return (
        gate,
        shorten(verdict.asks, MAX_TEXT_LENGTH),
        gate_value(gate, verdict.measured),
        gate_value(gate, verdict.bound),
        verdict_word(passed=verdict.passed, required=verdict.required),
        shorten(verdict.note, MAX_TEXT_LENGTH),
    )


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " …"


def slice_rows(evidence: Evidence, gate: Slices | None) -> tuple[tuple[str, ...], ...]:
    """Name, transactions, frauds, difference, upper end and verdict, by upper end from the lowest.

    The gate compares the upper end with its margin.
    """
    if gate is None or gate.name not in evidence.measurements:
        return ()
    measured = SlicesMeasured.model_validate(evidence.measurements[gate.name])
    upper = zip(gate.upper_ends(measured), measured.slices, strict=True)
    return tuple(
        (
            part.name,
            f"{part.transactions:,}",
            f"{part.frauds:,}",
            f"{part.difference:+z.3f}",
            f"{end:+z.3f}",
            verdict_word(passed=end >= -gate.margin, required=gate.required),
        )
        for end, part in sorted(upper, key=lambda pair: pair[0])
    )


def provenance_rows(evidence: Evidence, policy: Policy) -> Iterator[tuple[str, str]]:
    """What was evaluated, under which policy and on which rows."""
    rows, compared = evidence.rows, evidence.compared_with
    yield "Candidate", f"version {evidence.candidate.version}, run {evidence.candidate.run_id}"
    yield "Authors", ", ".join(evidence.authors) or "not recorded"
    for fact in evidence.facts:
        how = f"verified by {fact.by}" if fact.verified else f"claimed: {fact.reason}"
        yield f"Origin: {fact.name}", f"{fact.value or 'not recorded'} ({how})"
    yield (
        "Compared with",
        f"ledger version {compared.version}, statement sha256:{compared.statement}"
        if compared
        else "nothing, as nothing is in Production yet",
    )
    yield "Policy", f"{evidence.policy.name}, sha256:{evidence.policy.sha256}"
    left_out = [name for name in GATES if name not in policy.gates]
    yield "Gates left out", ", ".join(left_out) or "none"
    yield "Rows", f"{rows.count:,} transactions, {rows.frauds:,} of them frauds"
    yield "From, to", f"{format_time(rows.start)}, {format_time(rows.end)}"
    yield "Rows' file", f"sha256:{rows.sha256}"
    yield (
        "Judged before on these rows",
        f"{evidence.earlier_candidates} other candidates, in {evidence.earlier_looks} evaluations",
    )
    plan = evidence.plan
    yield "Plan", f"entry {plan.sequence}, statement sha256:{plan.statement}" if plan else "none"
    for key, value in rows.origin.items():
        yield f"Rows' {key.replace('_', ' ')}", value
    yield "Evaluated at", format_time(evidence.evaluated_at)

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

LONGEST_TEXT = 500
"""Characters of a note; the whole of it is in `evidence.json`."""

NOTHING = "–"


def business_row(one: Comparison) -> tuple[str, ...]:
    """Name, candidate, Production, difference, likely, reading."""
    candidate = quantity(one.candidate, one.unit)
    if one.production is None or one.difference is None:
        return one.name, candidate, *(NOTHING,) * 4
    likely = one.interval and interval(one.interval.lower, one.interval.upper, one.unit)
    production, difference = quantity(one.production, one.unit), change(one.difference, one.unit)
    return one.name, candidate, production, difference, likely or NOTHING, one.reading or NOTHING


def verdict_word(*, passed: bool, required: bool) -> str:
    if passed:
        return "passed" if required else "passed (advisory)"
    return "FAILED" if required else "failed (advisory)"


def gate_row(one: Verdict) -> tuple[str, ...]:
    """Gate, what it asks, measured, bound, verdict, note."""
    measured, bound = gate_value(one.gate, one.measured), gate_value(one.gate, one.bound)
    word = verdict_word(passed=one.passed, required=one.required)
    asks, note = shorten(one.asks, LONGEST_TEXT), shorten(one.note, LONGEST_TEXT)
    return one.gate, asks, measured, bound, word, note


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " …"


def slice_rows(evidence: Evidence, gate: Slices | None) -> tuple[tuple[str, ...], ...]:
    """Name, transactions, frauds, difference, upper end and verdict, by upper end from the lowest.

    The upper end is the one that the gate judges by.
    """
    if gate is None or gate.name not in evidence.measurements:
        return ()
    measured = SlicesMeasured.model_validate(evidence.measurements[gate.name])
    upper = zip(gate.upper_ends(measured), measured.slices, strict=True)
    return tuple(
        (
            one.name,
            f"{one.transactions:,}",
            f"{one.frauds:,}",
            f"{one.difference:+z.3f}",
            f"{end:+z.3f}",
            verdict_word(passed=end >= -gate.margin, required=gate.required),
        )
        for end, one in sorted(upper, key=lambda pair: pair[0])
    )


def judged_rows(evidence: Evidence, policy: Policy) -> Iterator[tuple[str, str]]:
    """What was judged, under which policy and on which rows."""
    rows, compared = evidence.rows, evidence.compared_with
    yield "Candidate", f"version {evidence.candidate.version}, run {evidence.candidate.run_id}"
    yield "Authors", ", ".join(evidence.authors) or "not recorded"
    yield (
        "Compared with",
        f"ledger version {compared.version}, statement sha256:{compared.statement}"
        if compared
        else "nothing: nothing is in Production yet",
    )
    yield "Policy", f"{evidence.policy.name}, sha256:{evidence.policy.sha256}"
    left_out = [name for name in GATES if name not in policy.gates]
    yield "Gates not asked for", ", ".join(left_out) or "none"
    yield "Rows", f"{rows.count:,} transactions, {rows.frauds:,} of them frauds"
    yield "From, to", f"{format_time(rows.start)}, {format_time(rows.end)}"
    yield "Rows' file", f"sha256:{rows.sha256}"
    for key, value in rows.origin.items():
        yield f"Rows' {key.replace('_', ' ')}", value
    yield "Evaluated at", format_time(evidence.evaluated_at)

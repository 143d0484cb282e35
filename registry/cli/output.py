"""Entries and verdicts: tables on a terminal, plain lines in a pipe, JSON and CSV."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.ledger.chain import Ledger, Link
from registry.ledger.statement import format_time
from registry.ledger.trust import Trust

if TYPE_CHECKING:
    from registry.evaluation.evidence import Evidence

PIPE_WIDTH = 1_000_000
"""Columns without a terminal, so that a line of a table is never broken or cut."""


def console() -> Console:
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=PIPE_WIDTH)


def table(title: str, *columns: str) -> Table:
    """A table with borders on a terminal, and without any in a pipe."""
    if Console().is_terminal:
        result = Table(title=escape(title))
        for column in columns:
            result.add_column(column)
    else:
        result = Table(box=None, pad_edge=False)
        for column in columns:
            result.add_column(column, no_wrap=True)
    return result


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def entry_values(link: Link) -> dict[str, Any]:
    """One ledger entry as JSON values."""
    statement = link.statement
    return {
        "ledger_version": link.version,
        "statement": statement.digest,
        "tip": f"{statement.entry.ledger_id}:{statement.entry.sequence}:{statement.digest}",
        **statement.entry.model_dump(mode="json"),
        "approved_at": format_time(statement.entry.approved_at),
        "files": statement.files,
    }


def verdicts(evidence: Evidence) -> None:
    """Print the verdicts of an evaluation, and whether it may be promoted."""
    from registry.evaluation.evidence import past_sentences
    from registry.evaluation.policy import advice

    title = f"Candidate {evidence.candidate.version} under policy {evidence.policy.name}"
    rows = table(title, "gate", "requirement", "measured", "bound", "verdict", "note")
    for verdict in evidence.verdicts:
        rows.add_row(
            verdict.gate,
            escape(verdict.asks),
            f"{verdict.measured:.4g}",
            f"{verdict.bound:.4g}",
            verdict.outcome,
            escape(verdict.note),
        )
    out = console()
    out.print(rows)
    for sentence in past_sentences(evidence):
        out.print(sentence, highlight=False, markup=False)
    out.print(
        f"{evidence.summary}: it cannot be promoted; {advice(evidence.blocking)}"
        if evidence.blocking
        else f"{evidence.summary}: approve it with `registry promote` and the line below",
        highlight=False,
        markup=False,
    )


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters of a cell that a spreadsheet may run as a formula (OWASP, CSV Injection)."""

HISTORY = ("version", "when", "action", "candidate", "who", "policy", "verdict", "why", "evidence")


def _history_row(link: Link) -> tuple[str, ...]:
    entry = link.statement.entry
    return (
        str(link.version),
        format_time(entry.approved_at),
        entry.action,
        str(entry.candidate.version),
        entry.approver,
        entry.policy.name,
        entry.verdict,
        entry.comment,
        str(entry.evidence),
    )


def history(ledger: Ledger) -> None:
    """Print one line per entry, oldest first, and one per version that is not in the chain."""
    rows = table("Production history", *HISTORY)
    for link in ledger.chain:
        *cells, evidence = _history_row(link)
        rows.add_row(*(escape(cell.replace("\n", " ")) for cell in cells), _short(evidence))
    out = console()
    out.print(rows)
    for finding in ledger.findings:
        out.print(f"not in the chain: {finding}", highlight=False, markup=False)


def _short(evidence: str) -> str:
    run, digest = evidence.split("@sha256:")
    return f"{run[:8]}…@sha256:{digest[:8]}…" if Console().is_terminal else evidence


def history_csv(ledger: Ledger) -> None:
    """Print the entries as CSV (RFC 4180) with a header, for auditors' spreadsheets.

    A cell that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    writer = csv.writer(sys.stdout)
    writer.writerow(HISTORY)
    for link in ledger.chain:
        writer.writerow(
            f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in _history_row(link)
        )


def keys(trust: Trust) -> None:
    """Print the trusted keys, with the sequences that they may sign."""
    rows = table(f"Keys of ledger {trust.ledger_id}", "key", "kind", "first", "last", "state")
    for key in trust.keys:
        last = "" if key.last is None else str(key.last)
        rows.add_row(key.keyid[:12], key.scheme, str(key.first), last, key.state)
    console().print(rows)

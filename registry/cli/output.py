"""Entries and verdicts: tables for people, plain lines in a pipe, values for `--json` and CSV."""

from __future__ import annotations

import csv
import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.evaluation.evidence import Evidence
from registry.ledger.chain import Ledger, Link
from registry.ledger.statement import format_time
from registry.ledger.trust import Trust

PIPE_WIDTH = 1_000_000
"""Columns where there is no terminal to ask: a line of a table is then never broken, nor cut."""


def console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=PIPE_WIDTH)


def table(title: str, *columns: str) -> Table:
    """A table with lines on a terminal; in a pipe columns of text alone."""
    if Console().is_terminal:
        made = Table(title=escape(title))
        for column in columns:
            made.add_column(column)
    else:
        made = Table(box=None, pad_edge=False)
        for column in columns:
            made.add_column(column, no_wrap=True)
    return made


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))


def entry_values(link: Link) -> dict[str, Any]:
    """One ledger entry as JSON values."""
    statement = link.statement
    return {
        "ledger_version": link.version,
        "statement": statement.digest,
        **statement.entry.model_dump(mode="json"),
        "approved_at": format_time(statement.entry.approved_at),
        "files": statement.files,
    }


def verdicts(evidence: Evidence) -> None:
    """The gates of one evaluation, and what they say together."""
    title = f"Candidate {evidence.candidate.version} under policy {evidence.policy.name}"
    rows = table(title, "gate", "asks", "measured", "bound", "verdict", "note")
    for one in evidence.verdicts:
        failed = "FAILED" if one.required else "failed (advisory)"
        rows.add_row(
            one.gate,
            escape(one.asks),
            f"{one.measured:.4g}",
            f"{one.bound:.4g}",
            "passed" if one.passed else failed,
            escape(one.note),
        )
    out = console()
    out.print(rows)
    out.print(
        f"{evidence.summary}: it cannot be promoted; train a better one"
        if evidence.blocking
        else f"{evidence.summary}: approve it with `registry promote` and the line below",
        highlight=False,
        markup=False,
    )


FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell starts that a spreadsheet may take for a formula (OWASP, CSV Injection)."""

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
    """One line an entry, oldest first, and a line for each version that is not in the chain."""
    rows = table("What was in Production", *HISTORY)
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
    """The same as CSV (RFC 4180) with a header, for auditors' spreadsheets.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    writer = csv.writer(sys.stdout)
    writer.writerow(HISTORY)
    for link in ledger.chain:
        writer.writerow(
            f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in _history_row(link)
        )


def keys(trust: Trust) -> None:
    """The trusted keys, with what they may sign."""
    rows = table(f"Keys of ledger {trust.ledger_id}", "key", "kind", "first", "last", "state")
    for key in trust.keys:
        last = "" if key.last is None else str(key.last)
        rows.add_row(key.keyid[:12], key.scheme, str(key.first), last, key.state)
    console().print(rows)

"""Entries and verdicts as tables for people and as plain values for `--json`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry.evidence import Evidence
from registry.ledger import Ledger, Link
from registry.statement import format_time

PIPE_WIDTH = 200
"""Columns where there is no terminal to ask: a line of a table is then never broken."""


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


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
    table = Table(
        title=escape(f"Candidate {evidence.candidate.version} under policy {evidence.policy.name}")
    )
    for column in ("gate", "asks", "measured", "bound", "verdict", "note"):
        table.add_column(column, justify="right" if column in ("measured", "bound") else "left")
    for one in evidence.verdicts:
        table.add_row(
            one.gate,
            one.asks,
            f"{one.measured:.4g}",
            f"{one.bound:.4g}",
            "passed" if one.passed else "FAILED",
            escape(one.note),
        )
    console = _console()
    console.print(table)
    failed = len(evidence.failed)
    console.print(
        f"{failed} of {len(evidence.verdicts)} gates failed: it cannot be promoted"
        if failed
        else "all gates passed: approve it with `registry promote` and the line below"
    )


def history(ledger: Ledger) -> None:
    """One line an entry, oldest first, and a line for each version that is not in the chain."""
    table = Table(title="What was in Production")
    for column in (
        "version",
        "when",
        "action",
        "candidate",
        "approver",
        "policy",
        "why",
        "evidence",
    ):
        table.add_column(column)
    for link in ledger.chain:
        entry = link.statement.entry
        table.add_row(
            str(link.version),
            format_time(entry.approved_at),
            entry.action,
            str(entry.candidate.version),
            escape(entry.approver),
            escape(entry.policy.name),
            escape(entry.comment),
            f"{entry.evidence.run_id[:8]}@{entry.evidence.sha256[:12]}",
        )
    console = _console()
    console.print(table)
    for finding in ledger.findings:
        console.print(f"not in the chain: {finding}", highlight=False, markup=False)

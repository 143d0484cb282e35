"""The fold: from the versions of `fraud-detector-production` to the ledger.

Pure functions over values; nothing here talks to a server. Every reader folds in the same way, so
promoters that race need no lock: the loser's entry is void by construction.
"""

from __future__ import annotations

from collections.abc import Iterable

from registry.errors import VerificationError
from registry.ledger.chain import Finding, Ledger, Link, Version, follow
from registry.ledger.statement import open_envelope
from registry.ledger.trust import Trust


def fold(versions: Iterable[Version], trust: Trust) -> Ledger:
    """Derive the ledger from the versions that the server lists.

    The signature of each version is verified, and what remains is followed from the first
    statement (`chain.follow`).

    Raises VerificationError if the ledger does not extend the floor of `trust`.
    """
    ledger = follow(*_signed(sorted(versions, key=lambda version: version.number), trust))
    if trust.floor is not None:
        trust.floor.require(ledger)
    return ledger


def _signed(versions: list[Version], trust: Trust) -> tuple[list[Link], list[Finding]]:
    """The versions with a statement of this ledger, each statement once, and the others."""
    links: list[Link] = []
    findings: list[Finding] = []
    keys = trust.public_keys()
    seen: dict[str, int] = {}
    for version in versions:
        if version.envelope is None:
            findings.append(Finding(version.number, "passed over", "it has no statement"))
            continue
        try:
            statement, keyid = open_envelope(version.envelope, keys)
        except VerificationError as error:
            findings.append(Finding(version.number, "passed over", str(error)))
            continue
        entry, key = statement.entry, trust.by_id(keyid)
        if entry.ledger_id != trust.ledger_id:
            findings.append(Finding(version.number, "passed over", "it belongs to another ledger"))
        elif entry.sequence < key.first:
            reason = "its key may not sign this sequence yet"
            findings.append(Finding(version.number, "passed over", reason))
        elif entry.source != version.source:
            reason = f"its source is {version.source!r}, but its statement names {entry.source!r}"
            findings.append(Finding(version.number, "void", reason))
        elif (digest := statement.digest) in seen:
            first = seen[digest]
            findings.append(Finding(version.number, "repeated", f"it repeats version {first}"))
        else:
            seen[digest] = version.number
            links.append(Link(version.number, statement, overrun=not key.reaches(entry.sequence)))
    return links, findings

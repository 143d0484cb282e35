"""The fold: from the versions of `fraud-detector-production` to the ledger.

Pure functions over values; nothing here talks to a server. Every reader folds in the same way, so
promoters that race need no lock: the loser's entry is void by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from registry.errors import VerificationError
from registry.ledger.chain import Finding, Ledger, Link, Version, follow
from registry.ledger.signing import Key
from registry.ledger.statement import open_envelope
from registry.ledger.trust import Trust

MAX_SOURCE_CHARACTERS = 200
"""Of another source than the statement's, in the reason of a finding."""


def fold(versions: Iterable[Version], trust: Trust) -> Ledger:
    """Derive the ledger from the versions that the server lists.

    The signature of each version is verified, and what remains is followed from the first
    statement (`chain.follow`). Of a version that is not an entry only the reason is kept, so that
    no number of them fills the memory.

    Raises VerificationError if the ledger does not extend the floor of `trust`.
    """
    keys = trust.public_keys()
    return fold_opened((open_version(version, trust, keys) for version in versions), trust)


def fold_opened(opened: Iterable[Link | Finding], trust: Trust) -> Ledger:
    """`fold` over versions that `open_version` has opened under the same `trust`."""
    ledger = follow(*distinct(opened))
    if trust.floor is not None:
        trust.floor.require(ledger)
    return ledger


def open_version(version: Version, trust: Trust, keys: list[Key]) -> Link | Finding:
    """The link of a version with a statement of this ledger, or why it has none.

    `keys` are those of `trust`.
    """

    def finding(kind: Literal["passed over", "void"], reason: str) -> Finding:
        return Finding(version.number, kind, reason)

    if version.envelope is None:
        unread = "its tags are too large to be read"
        return finding("passed over", unread if version.too_large else "it has no statement")
    try:
        statement, keyid = open_envelope(version.envelope, keys)
    except VerificationError as error:
        return finding("passed over", str(error))
    entry, key = statement.entry, trust.by_id(keyid)
    if entry.ledger_id != trust.ledger_id:
        return finding("passed over", "it belongs to another ledger")
    if entry.sequence < key.first:
        return finding("passed over", "its key may not sign this sequence yet")
    if entry.source != version.source:
        source = f"{version.source[:MAX_SOURCE_CHARACTERS]!r}"
        return finding("void", f"its source is {source}, but its statement names {entry.source!r}")
    return Link(version.number, statement, not key.reaches(entry.sequence), keyid)


def distinct(opened: Iterable[Link | Finding]) -> tuple[list[Link], list[Finding]]:
    """The links by version, each statement once, and the findings."""
    links: list[Link] = []
    findings: list[Finding] = []
    for one in opened:
        if isinstance(one, Link):
            links.append(one)
        else:
            findings.append(one)
    links.sort(key=lambda link: link.version)
    first: dict[str, Link] = {}
    for link in links:
        if (original := first.setdefault(link.digest, link)) is not link:
            reason = f"it repeats version {original.version}"
            findings.append(Finding(link.version, "repeated", reason))
    return list(first.values()), findings

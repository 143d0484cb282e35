"""The ledger as a fold: from the versions of `fraud-detector-production` to tip and head.

Pure functions over values; nothing here talks to a server. Every reader folds in the same way, so
two promoters that race need no lock: the loser's entry is void by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from registry.errors import NotFound, VerificationError
from registry.statement import Statement, open_envelope
from registry.trust import Trust


@dataclass(frozen=True)
class Version:
    """A version of `fraud-detector-production` as the tracking server tells it: to be doubted."""

    number: int
    source: str
    envelope: str | None


@dataclass(frozen=True)
class Link:
    """A version whose signed statement has its place in the chain."""

    version: int
    statement: Statement
    overrun: bool = False
    """Signed past its key's last sequence: it keeps its place but puts nothing in force."""

    def __str__(self) -> str:
        entry = self.statement.entry
        return (
            f"version {self.version}: {entry.action} of candidate {entry.candidate.version} "
            f"by {entry.approver}"
        )


@dataclass(frozen=True)
class Finding:
    """Something in the registered model that is not part of the chain, and what it is.

    `passed over`: no statement with a signature that holds. `void`: signed, yet not what it says,
    or it lost a race. `repeated`: a statement that is in the ledger already.
    `broken`: signed, and it follows an entry that is not there.
    """

    version: int
    kind: Literal["passed over", "void", "repeated", "broken"]
    reason: str

    def __str__(self) -> str:
        return f"version {self.version} is {self.kind}: {self.reason}"


@dataclass(frozen=True)
class Ledger:
    """The chain, oldest first, and what else was found beside it."""

    chain: tuple[Link, ...]
    findings: tuple[Finding, ...]

    @property
    def tip(self) -> Link | None:
        """The last entry, whatever it says."""
        return self.chain[-1] if self.chain else None

    @property
    def breaks(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.kind == "broken")

    @property
    def head(self) -> Link | None:
        """The model in force; None while nothing was promoted.

        Raises VerificationError where the chain is broken or ends with a key's overrun: then
        nobody can say what is in force, and a guess could be a downgrade.
        """
        if self.breaks:
            raise VerificationError(
                f"the ledger is broken: {self.breaks[0]}; restore the deleted version, or see "
                "`python -m registry verify`"
            )
        if self.tip and self.tip.overrun:
            raise VerificationError(
                f"{self.tip} is signed past its key's last sequence; nothing is in force until "
                "a rollback signed by a trusted key follows"
            )
        return self.tip

    def earlier(self, version: int | None) -> Link:
        """The entry to roll back to: the given ledger version, or the last one of other files
        before the head's were promoted, so that a second rollback never returns to what the first
        one left. While an overrun leaves nothing in force, it is the last one that was.

        Raises NotFound where there is none, or where its files are in force already.
        """
        overrun = self.tip is not None and self.tip.overrun and not self.breaks
        head = None if overrun else self.head
        if self.tip is None:
            raise NotFound("the ledger has no entry yet, so there is nothing to roll back to")
        others = [one for one in self.chain if not (one.overrun or _same_files(one, head))]
        if version is None:
            promoted = max(
                (
                    one.statement.entry.sequence
                    for one in self.chain
                    if _same_files(one, head) and one.statement.entry.action == "promote"
                ),
                default=self.tip.statement.entry.sequence,
            )
            before = [one for one in others if one.statement.entry.sequence < promoted]
            if not before:
                raise NotFound(
                    "no other model was in Production before this one, so there is no way back; "
                    "`--to VERSION` takes any entry of the ledger"
                )
            return before[-1]
        for one in self.chain:
            if one.version == version:
                if one not in others:
                    raise NotFound(f"version {version} is in force already, or never was")
                return one
        known = ", ".join(str(one.version) for one in self.chain)
        raise NotFound(f"version {version} is not an entry of the ledger; entries are {known}")


def _same_files(link: Link, head: Link | None) -> bool:
    return head is not None and link.statement.files == head.statement.files


def fold(versions: Iterable[Version], trust: Trust) -> Ledger:
    """Derive the ledger from what the server lists.

    Links are followed from the first statement; of several successors of one entry the lowest
    version wins. A signed entry that follows nothing in the chain breaks it: an honest promoter
    only ever follows the tip, so what it followed was deleted.
    """
    signed, findings = _signed(sorted(versions, key=lambda one: one.number), trust)
    chain: list[Link] = []
    pending = signed
    while True:
        tip = chain[-1] if chain else None
        winner: Link | None = None
        others: list[Link] = []
        for link in pending:
            if link.statement.entry.supersedes != (tip.statement.digest if tip else None):
                others.append(link)
            elif reason := _void(link, tip, chain):
                findings.append(Finding(link.version, "void", reason))
            elif winner is None:
                winner = link
            else:
                findings.append(Finding(link.version, "void", f"version {winner.version} won"))
        pending = others
        if winner is None:
            break
        chain.append(winner)
    for link in pending:
        reason = f"it follows {link.statement.entry.supersedes or ''}, which is not in the chain"
        findings.append(Finding(link.version, "broken", reason))
    findings.sort(key=lambda one: one.version)
    return Ledger(tuple(chain), tuple(findings))


def _signed(versions: list[Version], trust: Trust) -> tuple[list[Link], list[Finding]]:
    """The versions that carry a statement of this ledger, each statement once, and the rest."""
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
            findings.append(Finding(version.number, "passed over", "it is of another ledger"))
        elif entry.sequence < key.first:
            findings.append(Finding(version.number, "passed over", "its key may not sign so early"))
        elif entry.source != version.source:
            reason = f"its source is {version.source!r}, its statement says {entry.source!r}"
            findings.append(Finding(version.number, "void", reason))
        elif statement.digest in seen:
            first = seen[statement.digest]
            findings.append(Finding(version.number, "repeated", f"it repeats version {first}"))
        else:
            seen[statement.digest] = version.number
            overrun = key.last is not None and entry.sequence > key.last
            links.append(Link(version.number, statement, overrun))
    return links, findings


def _void(link: Link, tip: Link | None, chain: list[Link]) -> str:
    """Why a signed successor of the tip does not count; empty when it does."""
    statement = link.statement
    sequence = tip.statement.entry.sequence + 1 if tip else 1
    if statement.entry.sequence != sequence:
        return f"it says sequence {statement.entry.sequence}, its place is {sequence}"
    if statement.entry.action == "rollback" and not any(
        statement.files == one.statement.files
        and statement.entry.source == one.statement.entry.source
        for one in chain
        if not one.overrun
    ):
        return "it rolls back to files that were never in force"
    return ""

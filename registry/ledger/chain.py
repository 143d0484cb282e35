"""The chain: how signed entries are followed, and the ledger that they form as a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from registry.errors import VerificationError
from registry.ledger.statement import Statement

Model = tuple[frozenset[tuple[str, str]], str]
"""The files of an entry with the sha256 of each, and their address."""


MAX_VERSIONS = 250_000
"""Versions of `fraud-detector-production` that a reader lists before it gives up: entries of every
hour for ten years, and as many that are none."""
MAX_VERSIONS_APPENDED = MAX_VERSIONS - 1000
"""Versions after which nothing is appended. Writers that race may exceed it: their entry, too, is
one that readers accept."""


@dataclass(frozen=True)
class Version:
    """A version of `fraud-detector-production` as the tracking server lists it: not trusted.

    Of one that is `too_large` to be read, only the number is known.
    """

    number: int
    source: str
    envelope: str | None
    too_large: bool = False


@dataclass(frozen=True)
class Link:
    """A version whose signed statement has its place in the chain: an entry of the ledger."""

    version: int
    statement: Statement
    overrun: bool = False
    """Whether it is signed past its key's last sequence: it then puts nothing in force."""
    keyid: str = ""
    """That of the key that signed it."""

    @cached_property
    def digest(self) -> str:
        """That of its statement, computed once: `follow` and the readers ask for it repeatedly."""
        return self.statement.digest

    @property
    def model(self) -> Model:
        return frozenset(self.statement.files.items()), self.statement.entry.source

    @property
    def puts_in_force(self) -> bool:
        return self.statement.entry.puts_in_force and not self.overrun

    def has_files_of(self, other: Link | None) -> bool:
        return other is not None and self.statement.files == other.statement.files

    def leaves_frozen(self, frozen: bool) -> bool:
        """Whether promotions are void after it, if they were `frozen` before it or not."""
        action = self.statement.entry.action
        # An unfreeze past its key's last sequence has no effect: the key may be stolen.
        return action == "freeze" or (frozen and (action != "unfreeze" or self.overrun))

    def __str__(self) -> str:
        entry = self.statement.entry
        return (
            f"version {self.version}: {entry.action} of candidate {entry.candidate.version} "
            f"by {entry.approver}"
        )


@dataclass(frozen=True)
class Finding:
    """A version of the registered model that is not in the chain, and the reason.

    `passed over`: it has no statement with a valid signature. `void`: its statement is signed, but
    does not apply. `lost`: another entry was appended first, as happens to honest promoters that
    race. `repeated`: its statement is already in the chain. `broken`: its statement is signed and
    follows an entry that is not in the chain.
    """

    version: int
    kind: Literal["passed over", "void", "lost", "repeated", "broken"]
    reason: str

    def __str__(self) -> str:
        return f"version {self.version} is {self.kind}: {self.reason}"


@dataclass(frozen=True)
class Ledger:
    """The chain, oldest first, and the versions that are not part of it.

    `frozen`: promotions are void until an `unfreeze`. `in_doubt`: an entry was signed past its
    key's last sequence, and no rollback by a key that may sign has followed.
    """

    chain: tuple[Link, ...]
    findings: tuple[Finding, ...]
    frozen: bool = False
    in_doubt: bool = False

    @property
    def versions(self) -> int:
        """How many versions the server listed: each is in the chain, or has a finding."""
        return len(self.chain) + len(self.findings)

    @property
    def tip(self) -> Link | None:
        """The last entry, whatever its action."""
        return self.chain[-1] if self.chain else None

    @property
    def breaks(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == "broken")

    @property
    def models(self) -> tuple[Link, ...]:
        """The entries that put a model in force, oldest first."""
        return tuple(link for link in self.chain if link.puts_in_force)

    @property
    def head(self) -> Link | None:
        """The entry of the model in force; None while nothing was promoted.

        Raises VerificationError if the chain is broken or in doubt: it is then unknown what is in
        force, and a guess could be a downgrade.
        """
        if self.breaks:
            raise VerificationError(
                f"the ledger is broken: {self.breaks[0]}; restore the deleted version, or see "
                "`python -m registry verify`"
            )
        if self.in_doubt:
            overrun = next(link for link in reversed(self.chain) if link.overrun)
            raise VerificationError(
                f"{overrun} is signed past its key's last sequence; nothing is in force until "
                "a rollback signed by a trusted key follows (`registry rollback --to VERSION`)"
            )
        return self.models[-1] if self.models else None


def follow(
    signed: Iterable[Link],
    findings: list[Finding],
    start: Sequence[Link] = (),
    *,
    frozen: bool = False,
) -> Ledger:
    """Follow the links from the first statement; of several successors the lowest version wins.

    `signed` are in order of their versions; `findings` are what was found in the others. A signed
    entry that follows nothing in the chain breaks it: honest promoters follow the tip only, so the
    entry that it followed was deleted.

    With `start`, these links are known to be in the chain, and `frozen` is the ledger's state after
    the last of them; the chain of the result begins with them.
    """
    successors: dict[str | None, list[Link]] = defaultdict(list)
    for link in signed:
        successors[link.statement.entry.supersedes].append(link)
    chain = list(start)
    models = [link.model for link in chain if link.puts_in_force]
    were_in_force, in_force = set(models), models[-1] if models else None
    in_doubt = False
    place = chain[-1].statement.entry.sequence if chain else 0
    following = chain[-1].digest if chain else None
    while True:
        place += 1
        winner: Link | None = None
        for link in successors.pop(following, []):
            if reason := _void(link, place, in_force, were_in_force, frozen=frozen):
                findings.append(Finding(link.version, "void", reason))
            elif winner is None:
                winner = link
            else:
                findings.append(Finding(link.version, "lost", f"version {winner.version} won"))
        if winner is None:
            break
        chain.append(winner)
        if winner.puts_in_force:
            in_force = winner.model
            were_in_force.add(in_force)
        following = winner.digest
        frozen = winner.leaves_frozen(frozen)
        in_doubt = winner.overrun or (in_doubt and winner.statement.entry.action != "rollback")
    for followed, links in successors.items():
        reason = f"it follows {followed}, which is not in the chain"
        findings += (Finding(link.version, "broken", reason) for link in links)
    findings.sort(key=lambda finding: finding.version)
    return Ledger(tuple(chain), tuple(findings), frozen=frozen, in_doubt=in_doubt)


def _void(
    link: Link,
    sequence: int,
    in_force: Model | None,
    were_in_force: set[Model],
    *,
    frozen: bool,
) -> str:
    """Why a signed successor of the chain does not count; empty when it does.

    `sequence` is its place in the chain; the models are those that the entries before it put in
    force: the last, and all.
    """
    entry = link.statement.entry
    if entry.sequence != sequence:
        return f"its sequence is {entry.sequence}, but its place is {sequence}"
    match entry.action:
        case "promote":
            return "the ledger is frozen" if frozen else ""
        case "rollback":
            was_in_force = link.model in were_in_force
            return "" if was_in_force else "it rolls back to files that were never in force"
        case "freeze" | "unfreeze":
            if link.model == in_force:
                return ""
            return f"its action is {entry.action}, but it does not repeat the entry in force"
        case "plan":
            return ""

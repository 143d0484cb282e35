"""The ledger as a value: its chain of entries, and what tip and head are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from registry.errors import NotFound, VerificationError
from registry.ledger.statement import Statement


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

    `passed over`: no statement with a signature that holds. `void`: signed, yet not what it says.
    `lost`: another entry was there first, as happens to honest promoters that race.
    `repeated`: a statement that is in the ledger already. `broken`: signed, and it follows an entry
    that is not there.
    """

    version: int
    kind: Literal["passed over", "void", "lost", "repeated", "broken"]
    reason: str

    def __str__(self) -> str:
        return f"version {self.version} is {self.kind}: {self.reason}"


@dataclass(frozen=True)
class Ledger:
    """The chain, oldest first, and what else was found beside it.

    `frozen`: no promotion counts until an `unfreeze`. `in_doubt`: an entry was signed past its
    key's last sequence, and no rollback by a key that may sign has followed.
    """

    chain: tuple[Link, ...]
    findings: tuple[Finding, ...]
    frozen: bool = False
    in_doubt: bool = False

    @property
    def tip(self) -> Link | None:
        """The last entry, whatever it says."""
        return self.chain[-1] if self.chain else None

    @property
    def breaks(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.kind == "broken")

    @property
    def models(self) -> tuple[Link, ...]:
        """The entries that put a model in force: promotions and rollbacks, without overruns."""
        return tuple(
            one
            for one in self.chain
            if one.statement.entry.action in ("promote", "rollback") and not one.overrun
        )

    @property
    def head(self) -> Link | None:
        """The entry of the model in force; None while nothing was promoted.

        Raises VerificationError where the chain is broken or in doubt: then nobody can say what is
        in force, and a guess could be a downgrade.
        """
        if self.breaks:
            raise VerificationError(
                f"the ledger is broken: {self.breaks[0]}; restore the deleted version, or see "
                "`python -m registry verify`"
            )
        if self.in_doubt:
            overrun = next(one for one in reversed(self.chain) if one.overrun)
            raise VerificationError(
                f"{overrun} is signed past its key's last sequence; nothing is in force until "
                "a rollback signed by a trusted key follows (`registry rollback --to VERSION`)"
            )
        return self.models[-1] if self.models else None

    def earlier(self, version: int | None) -> Link:
        """The entry to roll back to: the given ledger version, or the last one of other files
        before the head's were promoted, so that a second rollback never returns to what the first
        one left. While an overrun leaves nothing in force, it is the last one that was.

        Raises NotFound where there is none, or where its files are in force already, and
        VerificationError where the chain is broken.
        """
        head = None if self.in_doubt and not self.breaks else self.head
        if self.tip is None:
            raise NotFound("the ledger has no entry yet, so there is nothing to roll back to")
        others = [one for one in self.models if not _same_files(one, head)]
        if version is None:
            promoted = max(
                (
                    one.statement.entry.sequence
                    for one in self.models
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
        for one in self.models:
            if one.version == version:
                if one not in others:
                    raise NotFound(f"the files of version {version} are in force already")
                return one
        known = ", ".join(str(one.version) for one in self.models)
        raise NotFound(f"version {version} never put a model in force; those that did: {known}")


def _same_files(link: Link, head: Link | None) -> bool:
    return head is not None and link.statement.files == head.statement.files

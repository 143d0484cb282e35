"""The ledger as a value: its chain of entries, and what tip and head are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from registry.errors import VerificationError
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

    @property
    def puts_in_force(self) -> bool:
        return self.statement.entry.puts_in_force and not self.overrun

    def has_files_of(self, other: Link | None) -> bool:
        return other is not None and self.statement.files == other.statement.files

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
        return tuple(finding for finding in self.findings if finding.kind == "broken")

    @property
    def models(self) -> tuple[Link, ...]:
        """The entries that put a model in force, oldest first."""
        return tuple(link for link in self.chain if link.puts_in_force)

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
            overrun = next(link for link in reversed(self.chain) if link.overrun)
            raise VerificationError(
                f"{overrun} is signed past its key's last sequence; nothing is in force until "
                "a rollback signed by a trusted key follows (`registry rollback --to VERSION`)"
            )
        return self.models[-1] if self.models else None

"""What a reader remembers of the ledger: its tip, by which it notices that entries were taken away.

Signatures cannot show that entries are missing from the end; only somebody who saw them can.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from registry.atomic import atomic_write
from registry.errors import UsageError, VerificationError
from registry.ledger.chain import Ledger

FORM = re.compile(r"(?P<ledger_id>.+):(?P<sequence>[1-9][0-9]{0,17}):(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True)
class Tip:
    """A ledger's last entry: `digest` is the hex sha256 of its statement, `sequence` its place."""

    ledger_id: str
    sequence: int
    digest: str

    @classmethod
    def of(cls, ledger: Ledger) -> Self | None:
        """The tip of a folded ledger; None while it has no entry."""
        if ledger.tip is None:
            return None
        statement = ledger.tip.statement
        return cls(statement.entry.ledger_id, statement.entry.sequence, statement.digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`LEDGER_ID:SEQUENCE:SHA256`, as `str(tip)` writes it. Raises UsageError."""
        match = FORM.fullmatch(text.strip())
        if match is None:
            raise UsageError(
                f"{text[:100]!r} is not LEDGER_ID:SEQUENCE:SHA256; copy the tip that "
                "`registry status` prints"
            )
        return cls(match["ledger_id"], int(match["sequence"]), match["digest"])

    def __str__(self) -> str:
        return f"{self.ledger_id}:{self.sequence}:{self.digest}"

    def require(self, ledger: Ledger) -> None:
        """Accept only a ledger whose chain still holds this entry at its place.

        A ledger that grew since is accepted. Raises VerificationError, saying what was remembered
        and what is there now.
        """
        if self.sequence <= len(ledger.chain):
            link = ledger.chain[self.sequence - 1]
            if link.statement.digest == self.digest:
                return
            now = f"its entry {self.sequence} is {link.statement.digest[:12]} ({link})"
        elif ledger.tip is None:
            now = "it has no entry"
        else:
            now = f"it ends with entry {ledger.tip.statement.entry.sequence} ({ledger.tip})"
        if ledger.chain and (shown := ledger.chain[0].statement.entry.ledger_id) != self.ledger_id:
            now = f"this is ledger {shown}"
        if ledger.breaks:
            now += f", and {ledger.breaks[0]}"
        raise VerificationError(
            f"the ledger does not extend what is remembered of it: entry {self.sequence} of ledger "
            f"{self.ledger_id} was {self.digest[:12]}; now {now}. Entries were deleted or "
            "replaced: append them again from a backup, in the old order; remember another tip "
            "only if you know why they are gone"
        )


def read_tip(path: Path) -> Tip | None:
    """The tip that a file remembers; None where there is no file yet.

    Raises VerificationError for a damaged file: to begin anew in silence would forget the tip just
    when somebody wants that. Raises UsageError for one that cannot be read.
    """
    try:
        return Tip.parse(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (UsageError, UnicodeDecodeError) as error:
        raise VerificationError(
            f"{path} is damaged: it remembers no ledger's tip; put LEDGER_ID:SEQUENCE:SHA256 into "
            "it as a trusted `registry status` prints it, or delete it to remember anew"
        ) from error


def write_tip(path: Path, tip: Tip) -> None:
    """Remember a tip, on disk before this returns; a crash leaves the old one or the new one.

    Raises UsageError where that cannot be done.
    """
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(f"{tip}\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error

"""One attack, what everybody says of it afterwards, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.registry.attacks.target import Target


@dataclass(frozen=True)
class Serves:
    """A pod that starts is ready, with this candidate's files under this ledger version."""

    candidate: str
    version: int

    def __str__(self) -> str:
        return f"serves {self.candidate}, version {self.version}"


@dataclass(frozen=True)
class Refuses:
    """A pod that starts is alive and not ready; `/healthcheck` says why."""

    message: str

    def __str__(self) -> str:
        return f"refuses: “{self.message}”"


SIGNED_HEAD = Serves("B", 2)
DOWNGRADE = Serves("A", 1)
NO_PROBLEM = "2 entries, 0 problems"
BROKEN = Refuses("the ledger is broken: version 2 is broken: it follows")
REMEMBERED = "the ledger does not extend what is remembered of it"
MOVED_ON = "Production is no longer the one that the candidate was compared with"


@dataclass(frozen=True)
class Attack:
    """One attack on a `Target`, and what everybody says of it afterwards."""

    name: str
    how: str
    do: Callable[[Target], None]
    exit_code: int
    verify: str
    """Part of what `verify` prints."""
    starting: Serves | Refuses = SIGNED_HEAD
    promote: str = ""
    """Part of why `promote` refuses C's approved evidence; empty where nothing is said of that."""
    forgets: bool = False
    """Whether the entry of B is gone, so that whoever has its tip as a floor refuses the ledger."""
    of_files: bool = False
    """Whether only the head's files are changed, which a pod that runs does not read again."""

    @property
    def succeeds(self) -> bool:
        """Whether a pod that starts serves something else than the signed head."""
        return isinstance(self.starting, Serves) and self.starting.candidate != "B"

    @property
    def again(self) -> Serves | Refuses:
        """What a pod does that starts again on the cache and the memory that it had before."""
        if self.forgets:
            return Refuses(REMEMBERED)
        return SIGNED_HEAD if self.of_files else self.starting

    @property
    def running(self) -> Serves:
        """What a pod serves that ran before: bytes that it verified, it keeps in any doubt."""
        if self.forgets or isinstance(self.starting, Refuses):
            return SIGNED_HEAD
        return self.starting

    @property
    def reported(self) -> str:
        """Part of what the pod that runs says in `/healthcheck`; empty where it meets nothing.

        The files of the model that it serves are of no use to it any more.
        """
        if self.forgets:
            return REMEMBERED
        if isinstance(self.starting, Refuses) and not self.of_files:
            return self.starting.message
        return ""


BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


def table(attacks: Sequence[Attack]) -> str:
    """The attacks as a Markdown table, between the two marks that `docs/attacks.md` holds."""
    lines = [
        "| attack | how | `verify` | a pod that starts | a pod that starts again "
        "| a pod that runs | `promote` of C |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in attacks:
        verify = f"{one.exit_code}: “{one.verify}”"
        promote = f"refuses: “{one.promote}”" if one.promote else "–"
        again = "the same" if one.again == one.starting else str(one.again)
        running = str(one.running) + (f", reports: “{one.reported}”" if one.reported else "")
        cells = (one.name, one.how, verify, str(one.starting), again, running, promote)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([BEGIN, *lines, END])

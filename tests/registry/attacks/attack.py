"""One attack and its outcome for every reader, and the table of all attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.registry.attacks.target import Target


@dataclass(frozen=True)
class Serves:
    """The pod is ready, with the files of this candidate from this ledger version."""

    candidate: str
    version: int

    def __str__(self) -> str:
        return f"serves {self.candidate}, version {self.version}"


@dataclass(frozen=True)
class Refuses:
    """The pod is alive but not ready; `/healthcheck` gives the reason."""

    message: str

    def __str__(self) -> str:
        return f"refuses: “{self.message}”"


SIGNED_HEAD = Serves("B", 2)
DOWNGRADE = Serves("A", 1)
NO_PROBLEM = "2 entries, 0 problems"
BROKEN = Refuses("the ledger is broken: version 2 is broken: it follows")
REMEMBERED = "the ledger does not extend the remembered tip"
MOVED_ON = "Production is no longer the one that the candidate was compared with"


@dataclass(frozen=True)
class Attack:
    """One attack on a `Target`, and its outcome for every reader."""

    name: str
    how: str
    do: Callable[[Target], None]
    exit_code: int
    verify: str
    """Part of the output of `verify`."""
    new_pod: Serves | Refuses = SIGNED_HEAD
    promote: str = ""
    """Part of the reason for which `promote` refuses C's evidence; empty where it is not tested."""
    removes_head: bool = False
    """Whether B's entry is gone: a reader that remembers its tip then refuses the ledger."""
    changes_files: bool = False
    """Whether only the head's files are changed, which a running pod does not read again."""

    @property
    def succeeds(self) -> bool:
        """Whether a new pod serves another model than the signed head."""
        return isinstance(self.new_pod, Serves) and self.new_pod.candidate != "B"

    @property
    def restarted_pod(self) -> Serves | Refuses:
        """The outcome for a pod that starts with the cache and the tip from before the attack."""
        if self.removes_head:
            return Refuses(REMEMBERED)
        return SIGNED_HEAD if self.changes_files else self.new_pod

    @property
    def running_pod(self) -> Serves:
        """What a pod serves that ran before: in any doubt, the model that it verified."""
        if self.removes_head or isinstance(self.new_pod, Refuses):
            return SIGNED_HEAD
        return self.new_pod

    @property
    def report(self) -> str:
        """Part of the problem that a running pod reports; empty where it notices nothing.

        It never reads the files of the model that it serves again.
        """
        if self.removes_head:
            return REMEMBERED
        if isinstance(self.new_pod, Refuses) and not self.changes_files:
            return self.new_pod.message
        return ""


BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


def table(attacks: Sequence[Attack]) -> str:
    """The attacks as a Markdown table, between the markers in `docs/attacks.md`."""
    lines = [
        "| attack | how | `verify` | new pod | restarted pod | running pod | `promote` of C |",
        "|---|---|---|---|---|---|---|",
    ]
    for attack in attacks:
        restarted = attack.restarted_pod
        cells = (
            attack.name,
            attack.how,
            f"{attack.exit_code}: “{attack.verify}”",
            str(attack.new_pod),
            "the same" if restarted == attack.new_pod else str(restarted),
            str(attack.running_pod) + (f", reports: “{attack.report}”" if attack.report else ""),
            f"refuses: “{attack.promote}”" if attack.promote else "–",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([BEGIN, *lines, END])

"""An attack on the way into Production, before an entry is signed, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry.errors import RegistryError
from registry.evaluation.evidence import Evidence
from tests.world import World

BEGIN, END = "<!-- candidate attacks: begin -->", "<!-- candidate attacks: end -->"


@dataclass(frozen=True)
class CandidateAttack:
    """What someone tries who may write a candidate, or approve one, but not both alone.

    `attempt` does all that the attacker needs for a promotion, on an empty ledger and in a folder
    of the test's own, and returns the reason for which it was refused; what raises a RegistryError
    was refused with that message.
    """

    name: str
    how: str
    gain: str
    """What the attacker would gain if nothing noticed it."""
    attempt: Callable[[World, Path], str]
    refusal: str
    """Part of the reason."""
    against_production: bool = False
    """Whether a weak model is in Production before the attempt, instead of nothing."""

    def outcome(self, world: World, folder: Path) -> str:
        try:
            return self.attempt(world, folder)
        except RegistryError as error:
            return str(error)


def blocking(evidence: Evidence) -> str:
    """The verdicts that keep a candidate out of Production, as text."""
    return "; ".join(str(verdict) for verdict in evidence.blocking)


def candidate_table(attacks: Sequence[CandidateAttack]) -> str:
    """The attacks as a Markdown table, between the markers in `docs/attacks.md`."""
    lines = [
        "| attack | how | what it would gain | what stops it |",
        "|---|---|---|---|",
        *(
            f"| {attack.name} | {attack.how} | {attack.gain} | “{attack.refusal}” |"
            for attack in attacks
        ),
    ]
    return "\n".join([BEGIN, *lines, END])

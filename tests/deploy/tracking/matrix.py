"""One attempt of a user, its outcome, and the tables of docs/operations/rights.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.tracking.roles import ROLES, UNUSED
from tests.deploy.tracking.actor import ANONYMOUS, Actor, Response
from tests.deploy.tracking.team import Team

FORBIDDEN = "403 Permission denied"
UNAUTHENTICATED = "401 You are not authenticated"

NO_PROBLEM = "1 entries, 0 problems"

Prepare = Callable[[Team, Actor], Actor]


def nothing(_team: Team, actor: Actor) -> Actor:
    """No preparation."""
    return actor


@dataclass(frozen=True)
class Refusal:
    """What MLflow itself refuses; afterwards, databases and files are what they were."""

    what: str
    how: str
    send: Callable[[Actor], Response]
    actors: tuple[str, ...]
    answer: str = FORBIDDEN
    """How the answer starts."""
    prepare: Prepare = nothing
    """What the actor does before, which MLflow allows."""

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


@dataclass(frozen=True)
class Hole:
    """What MLflow lets through, and what then closes it."""

    what: str
    how: str
    send: Callable[[Actor], Response]
    actors: tuple[str, ...]
    verify: str = NO_PROBLEM
    """Part of what `registry verify` prints afterwards; empty for what no ledger has to do with."""
    pod: str = "serves"
    """What a new pod does afterwards: it serves, or the reason why it does not."""
    guard: str = ""
    """How the guarded server's refusal starts; empty where it lets it through, too."""
    closed_by: str = ""
    """What closes it where the guard does not."""
    prepare: Prepare = nothing
    reads: bool = False
    """Whether it changes nothing."""

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def roles_table() -> str:
    """What each role holds, without the denials that are the same for all."""
    lines = ["| role | MLflow's grants |", "|---|---|"]
    for role, grants in ROLES.items():
        held = "; ".join(str(grant) for grant in grants if grant not in UNUSED)
        lines.append(f"| {role} | {held} |")
    denied = ", ".join(grant.resource_type.replace("_", " ") for grant in UNUSED)
    lines += ["", f"All of them: DENY on every {denied}."]
    return _between("roles", lines)


def refusals_table(refusals: Sequence[Refusal]) -> str:
    lines = ["| what | how | who tries | answer |", "|---|---|---|---|"]
    lines += [
        f"| {each.what} | {_cell(each.how)} | {_names(each.actors)} | {_cell(each.answer)} |"
        for each in refusals
    ]
    return _between("refusals", lines)


def holes_table(holes: Sequence[Hole]) -> str:
    lines = [
        "| what | how | who | `verify` afterwards | new pod | what closes it |",
        "|---|---|---|---|---|---|",
    ]
    for each in holes:
        pod = each.pod if each.pod == "serves" else f"refuses: “{_cell(each.pod)}”"
        after = (f"“{_cell(each.verify)}”", pod) if each.verify else ("–", "–")
        closed = f"the guard: “{_cell(each.guard)}”" if each.guard else each.closed_by
        cells = (each.what, _cell(each.how), _names(each.actors), *after)
        lines.append(f"| {' | '.join(cells)} | {closed} |")
    return _between("holes", lines)


def _names(actors: tuple[str, ...]) -> str:
    return ", ".join(actor or "anonymous" for actor in actors)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _between(name: str, lines: list[str]) -> str:
    return "\n".join([f"<!-- {name}: begin -->", *lines, f"<!-- {name}: end -->"])


EVERYONE = ("trainer", "promoter", "reader", "auditor")
OTHERS = ("trainer", "reader", "auditor")
"""Who may write neither evidence nor the ledger."""
READERS = ("reader", "auditor")
NOBODY = (ANONYMOUS,)

"""What a recording rule, an alert and a group of rules are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
"""`critical` pages somebody at once; `warning` is for the next working day."""

RUNBOOKS = "docs/operations/runbooks.md"


@dataclass(frozen=True)
class Record:
    """A recording rule: the result of `expression` under the name level:metric:operations."""

    name: str
    expression: str


@dataclass(frozen=True)
class Alert:
    """An alert, which fires once `expression` has had a result for `minutes`."""

    name: str
    expression: str
    minutes: int
    severity: Severity
    summary: str

    @property
    def runbook(self) -> str:
        """The section of the page of runbooks, as a path in the repository."""
        return f"{RUNBOOKS}#{self.name.lower()}"


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, each minute, in this order."""

    name: str
    description: str
    rules: tuple[Record | Alert, ...]

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))

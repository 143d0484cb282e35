"""A fact about a candidate's origin: its value, and who verified it; or that it is only claimed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

FactName = Literal[
    "files", "commit", "code", "dataset", "data", "window", "environment", "authors", "starter"
]
"""What an approval and the gates rely on:

- `files`: the candidate's files are those that the training job wrote
- `commit`: the commit is on a trusted branch of the evaluator's own repository
- `code`: the code and configuration that ran are those of the commit
- `dataset`: the data-set file is that of the commit
- `data`: the sha256 of the training data
- `window`: the first and last transaction that it was trained on
- `environment`: the installed packages are those of the project's lock files
- `authors`: who wrote the commit
- `starter`: who started the training
"""

FACT_NAMES: tuple[FactName, ...] = get_args(FactName)


class Fact(BaseModel):
    """One fact. `by` names what verified it; where it is empty, the value is only claimed by the
    candidate's author, and `reason` says why it could not be verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FactName
    value: str
    by: str = ""
    reason: str = ""

    @property
    def verified(self) -> bool:
        return bool(self.by)

    def __str__(self) -> str:
        how = f"verified by {self.by}" if self.verified else f"claimed: {self.reason}"
        return f"{self.name} {self.value or 'not recorded'} ({how})"


@dataclass(frozen=True)
class Provenance:
    """All facts about one candidate, each once and in the order of `FACT_NAMES`.

    `authors` are the identities of who made it: those of the commit and who started the training.
    `sealed_at` is when its bytes were fixed, by a signature; None where nothing proves a time.
    """

    facts: tuple[Fact, ...] = ()
    authors: tuple[str, ...] = ()
    sealed_at: datetime | None = None

    def verified(self, name: FactName) -> bool:
        return any(fact.name == name and fact.verified for fact in self.facts)

    def value(self, name: FactName) -> str:
        return next((fact.value for fact in self.facts if fact.name == name), "")

    @property
    def claimed(self) -> tuple[FactName, ...]:
        """The names of the facts that nobody verified."""
        return claimed_names(self.facts)


UNKNOWN = Provenance()
"""Where nothing is known."""


def claimed_names(facts: tuple[Fact, ...]) -> tuple[FactName, ...]:
    return tuple(fact.name for fact in facts if not fact.verified)

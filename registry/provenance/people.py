"""People: which identities belong to one person, from a mapping that is kept in git."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, RootModel, model_validator

from registry.errors import UsageError
from registry.provenance.identity import checked_identity, realm_of


class People(RootModel[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]]):
    """A name for each person, and the identities that are theirs.

    ```yaml
    alice: [github:alice, git:alice@example.com]
    ```
    """

    root: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}

    @model_validator(mode="after")
    def _each_identity_belongs_to_one_person(self) -> Self:
        seen: dict[str, str] = {}
        for person, identities in self.root.items():
            for identity in identities:
                try:
                    checked_identity(identity)
                except UsageError as error:
                    raise ValueError(str(error)) from error
                if identity in seen:
                    raise ValueError(f"{identity} belongs to {seen[identity]} and to {person}")
                seen[identity] = person
        return self

    def person(self, identity: str) -> str | None:
        """Whose identity it is; None where the mapping does not list it."""
        for person, identities in self.root.items():
            if identity in identities:
                return person
        return None

    def same(self, one: str, other: str) -> bool:
        """Whether both identities are known to be one person's."""
        person = self.person(one)
        return one == other or (person is not None and person == self.person(other))

    def comparable(self, one: str, others: Iterable[str]) -> bool:
        """Whether `one` could be told from the others, were it one of them.

        It could where an identity of the same realm is among them, or where the mapping names the
        person of each.
        """
        others = tuple(others)
        if any(realm_of(other) == realm_of(one) for other in others):
            return True
        return bool(others) and all(self.person(each) for each in (one, *others))

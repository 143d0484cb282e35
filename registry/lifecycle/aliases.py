"""Alias and tags: what the MLflow UI and plain MLflow clients see of the ledger.

The registry itself never trusts them. They are set after an entry was appended, and setting them is
idempotent: `registry repair` may do it at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from registry.errors import NotFound, RegistryError
from registry.ledger.chain import Ledger
from registry.progress import warn
from registry.tracking.candidates import staged
from registry.tracking.client import MlflowClient, MlflowException, server_errors
from registry.tracking.names import (
    CANDIDATES,
    LEDGER_VERSION_TAG,
    PRODUCTION,
    PRODUCTION_ALIAS,
    PROMPT_TAG,
    STAGING_ALIAS,
)


@dataclass(frozen=True)
class Repair:
    """A stale alias or tag, and the idempotent call that sets it to what the ledger says."""

    problem: str
    apply: Callable[[], None]


def repair(client: MlflowClient, ledger: Ledger) -> list[str]:
    """Set every stale alias and tag; return what was stale.

    Raises VerificationError where the ledger has no head, NotFound, Unreachable.
    """
    repairs = needed_repairs(client, ledger)
    with server_errors("setting alias and tags"):
        for needed in repairs:
            needed.apply()
    return [needed.problem for needed in repairs]


def repair_or_warn(client: MlflowClient, ledger: Ledger) -> None:
    """Repair after an entry was appended: a failure here does not undo the entry."""
    try:
        repair(client, ledger)
    except RegistryError as error:
        warn(
            f"the entry is in the ledger, but alias and tags were not set: {error}; then run "
            "`registry repair`"
        )


def needed_repairs(client: MlflowClient, ledger: Ledger) -> list[Repair]:
    """The alias and tags that do not match the head; none while the ledger is empty.

    Raises VerificationError where the ledger has no head, NotFound, Unreachable.
    """
    head = ledger.head
    if head is None:
        return []
    version, candidate = str(head.version), str(head.statement.entry.candidate.version)
    with server_errors("reading alias and tags"):
        return [
            *_production_alias(client, version),
            *_candidate_tag(client, candidate, version),
            *_staging_alias(client, candidate),
        ]


def _production_alias(client: MlflowClient, version: str) -> Iterator[Repair]:
    current = _aliases(client).get(PRODUCTION_ALIAS)
    if str(current) != version:
        yield Repair(
            f"alias {PRODUCTION_ALIAS} is on version {current}, the head is {version}",
            lambda: client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, version),
        )


def _aliases(client: MlflowClient) -> dict[str, str]:
    try:
        return dict(client.get_registered_model(PRODUCTION).aliases)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NotFound(
            f"MLflow takes {PRODUCTION} for a prompt and hides its alias; delete its tag "
            f"{PROMPT_TAG}, in the database if need be"
        ) from error


def _candidate_tag(client: MlflowClient, candidate: str, version: str) -> Iterator[Repair]:
    try:
        tags = client.get_model_version(CANDIDATES, candidate).tags
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return  # a candidate that was deleted needs no tag
    if tags.get(LEDGER_VERSION_TAG) != version:
        yield Repair(
            f"candidate {candidate} lacks the tag {LEDGER_VERSION_TAG}={version}",
            lambda: client.set_model_version_tag(
                CANDIDATES, candidate, LEDGER_VERSION_TAG, version
            ),
        )


def _staging_alias(client: MlflowClient, candidate: str) -> Iterator[Repair]:
    in_staging = staged(client)
    if in_staging is not None and str(in_staging.version) == candidate:
        yield Repair(
            f"candidate {candidate} is in Production and still in Staging",
            lambda: client.delete_registered_model_alias(CANDIDATES, STAGING_ALIAS),
        )

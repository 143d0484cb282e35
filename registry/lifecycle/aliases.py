"""Alias and tags: what the MLflow UI and plain MLflow clients see of the ledger.

Nothing of ours trusts any of it; it is set after the fact, and can be put right at any time.
"""

from __future__ import annotations

from collections.abc import Callable

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

Sign = tuple[str, Callable[[], None]]
"""What is stale, in words, and what puts it right."""


def repair(client: MlflowClient, ledger: Ledger) -> list[str]:
    """Set what the MLflow UI and plain clients show; return what was stale, in words.

    Raises VerificationError where the ledger has no head, NotFound, Unreachable.
    """
    stale = stale_signs(client, ledger)
    with server_errors("setting alias and tags"):
        for _, put_right in stale:
            put_right()
    return [words for words, _ in stale]


def repair_or_warn(client: MlflowClient, ledger: Ledger) -> None:
    """Repair after an entry was appended: what fails now does not undo the entry."""
    try:
        repair(client, ledger)
    except RegistryError as error:
        warn(f"the entry counts, but alias and tags were not set: {error}; then `registry repair`")


def stale_signs(client: MlflowClient, ledger: Ledger) -> list[Sign]:
    """What people see that does not match the head, in words, each with what puts it right."""
    head = ledger.head
    if head is None:
        return []
    entry = head.statement.entry
    promoted = str(entry.candidate.version)
    signs: list[Sign] = []
    with server_errors("reading alias and tags"):
        alias = _aliases(client).get(PRODUCTION_ALIAS)
        if str(alias) != str(head.version):
            signs.append(
                (
                    f"alias {PRODUCTION_ALIAS} is on version {alias}, the head is {head.version}",
                    lambda: client.set_registered_model_alias(
                        PRODUCTION, PRODUCTION_ALIAS, str(head.version)
                    ),
                )
            )
        signs += _stale_candidate_signs(client, promoted, str(head.version))
    return signs


def _aliases(client: MlflowClient) -> dict[str, str]:
    try:
        return dict(client.get_registered_model(PRODUCTION).aliases)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise NotFound(
            f"MLflow takes {PRODUCTION} for a prompt and hides its alias; take the tag "
            f"{PROMPT_TAG} off it, in the database if need be"
        ) from error


def _stale_candidate_signs(client: MlflowClient, promoted: str, head_version: str) -> list[Sign]:
    signs: list[Sign] = []
    try:
        version = client.get_model_version(CANDIDATES, promoted)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return signs
    if version.tags.get(LEDGER_VERSION_TAG) != head_version:
        signs.append(
            (
                f"candidate {promoted} lacks the tag {LEDGER_VERSION_TAG}={head_version}",
                lambda: client.set_model_version_tag(
                    CANDIDATES, promoted, LEDGER_VERSION_TAG, head_version
                ),
            )
        )
    in_staging = staged(client)
    if in_staging is not None and str(in_staging.version) == promoted:
        signs.append(
            (
                f"candidate {promoted} is in Production and still in Staging",
                lambda: client.delete_registered_model_alias(CANDIDATES, STAGING_ALIAS),
            )
        )
    return signs

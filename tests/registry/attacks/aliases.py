"""Attacks on what only people see: aliases, tags, descriptions, the candidates."""

from __future__ import annotations

from registry.tracking.names import (
    CANDIDATES,
    LEDGER_VERSION_TAG,
    PRODUCTION,
    PRODUCTION_ALIAS,
    STAGING_ALIAS,
)
from tests.registry.attacks.attack import (
    NO_PROBLEM,
    Attack,
)
from tests.registry.attacks.target import Target


def move_production(target: Target) -> None:
    target.client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, "1")


def move_staging(target: Target) -> None:
    target.client.set_registered_model_alias(CANDIDATES, STAGING_ALIAS, "1")


def edit_ledger_version(target: Target) -> None:
    target.client.set_model_version_tag(CANDIDATES, "2", LEDGER_VERSION_TAG, "1")


def edit_lineage(target: Target) -> None:
    for version in ("1", "2", "3"):
        run_id = str(target.client.get_model_version(CANDIDATES, version).run_id)
        for tag in ("git_commit", "data_sha256", "authors"):
            target.client.set_tag(run_id, tag, "f" * 64)


def edit_descriptions(target: Target) -> None:
    for version in ("1", "2"):
        text = "rollback by github:mallory: B is no longer in force"
        target.client.update_model_version(PRODUCTION, version, text)


def delete_candidate(target: Target) -> None:
    target.client.delete_model_version(CANDIDATES, "2")


def delete_candidates(target: Target) -> None:
    target.client.delete_registered_model(CANDIDATES)


ALIASES = (
    Attack(
        "alias `production` moved",
        "to version 1",
        move_production,
        0,
        "alias production is on version 1, the head is 2",
    ),
    Attack("alias `staging` moved", "to A", move_staging, 0, NO_PROBLEM),
    Attack(
        "tag `ledger_version` edited",
        "on B in `fraud-detector`",
        edit_ledger_version,
        0,
        "candidate 2 lacks the tag ledger_version=2",
    ),
    Attack(
        "lineage edited",
        "commit, data and authors on the training runs, after the evaluation",
        edit_lineage,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "descriptions edited",
        "of both versions, to claim a rollback",
        edit_descriptions,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "candidate deleted after its promotion",
        "version 2 of `fraud-detector`",
        delete_candidate,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "all candidates deleted",
        "the registered model `fraud-detector`",
        delete_candidates,
        0,
        NO_PROBLEM,
    ),
)

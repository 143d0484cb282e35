"""Attacks on the registered model as a whole: deleted, renamed, recreated, hidden."""

from __future__ import annotations

from registry.tracking.names import PRODUCTION, PRODUCTION_ALIAS, PROMPT_TAG
from tests.registry.attacks.attack import DOWNGRADE, MOVED_ON, Attack, Refuses
from tests.registry.attacks.target import Target

HIDDEN = "MLflow hides the versions of fraud-detector-production"
NOTHING = Refuses("nothing is in Production yet")


def delete_ledger(target: Target) -> None:
    target.client.delete_registered_model(PRODUCTION)


def rename_ledger(target: Target) -> None:
    target.client.rename_registered_model(PRODUCTION, "elsewhere")


def recreate_ledger_with(target: Target, number: int) -> None:
    """Recreate the registered model with one of the old statements and with the alias."""
    source, run_id = target.source(number), str(target.version(number).run_id)
    envelope = target.envelope(number)
    delete_ledger(target)
    target.client.create_registered_model(PRODUCTION)
    target.insert(source, run_id, envelope)
    target.client.set_registered_model_alias(PRODUCTION, PRODUCTION_ALIAS, "1")


def recreate_ledger_with_first_entry(target: Target) -> None:
    recreate_ledger_with(target, 1)


def recreate_ledger_with_head(target: Target) -> None:
    recreate_ledger_with(target, 2)


def hide_ledger(target: Target) -> None:
    target.client.set_model_version_tag(PRODUCTION, "1", PROMPT_TAG, "true")


def hide_ledger_by_deleted_version(target: Target) -> None:
    version = target.append(1, envelope=None)
    target.client.set_model_version_tag(PRODUCTION, str(version), PROMPT_TAG, "true")
    target.delete(version)


def hide_ledger_and_its_model(target: Target) -> None:
    hide_ledger(target)
    mark_ledger_as_a_prompt(target)


def mark_ledger_as_a_prompt(target: Target) -> None:
    target.tag_by_rest("registered-models", name=PRODUCTION, key=PROMPT_TAG, value="true")


REGISTERED_MODEL = (
    Attack(
        "registered model deleted",
        "`fraud-detector-production`",
        delete_ledger,
        0,
        "0 entries, 0 problems",
        NOTHING,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "registered model renamed",
        "`fraud-detector-production`",
        rename_ledger,
        0,
        "0 entries, 0 problems",
        NOTHING,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "registered model recreated with the first entry",
        "deleted, and created again with A's statement and the alias `production`",
        recreate_ledger_with_first_entry,
        0,
        "1 entries, 0 problems",
        DOWNGRADE,
        MOVED_ON,
        removes_head=True,
    ),
    Attack(
        "registered model recreated with the head",
        "deleted, and created again with B's statement only",
        recreate_ledger_with_head,
        3,
        "version 1 is broken: it follows",
        Refuses("the ledger is broken: version 1 is broken: it follows"),
        "the ledger is broken",
        removes_head=True,
    ),
    Attack(
        "ledger hidden",
        "one version gets MLflow's tag for prompts, so that no version is listed",
        hide_ledger,
        3,
        HIDDEN,
        Refuses(HIDDEN),
        HIDDEN,
    ),
    Attack(
        "ledger hidden by a deleted version",
        "a version appended by hand gets the tag for prompts, and is deleted",
        hide_ledger_by_deleted_version,
        3,
        HIDDEN,
        Refuses(HIDDEN),
        HIDDEN,
    ),
    Attack(
        "ledger and its registered model hidden",
        "both get the tag for prompts",
        hide_ledger_and_its_model,
        3,
        HIDDEN,
        Refuses(HIDDEN),
        HIDDEN,
    ),
    Attack(
        "registered model marked as a prompt",
        "it gets the tag for prompts, so that alias and tags cannot be read",
        mark_ledger_as_a_prompt,
        3,
        "MLflow takes fraud-detector-production for a prompt and hides its alias",
    ),
)

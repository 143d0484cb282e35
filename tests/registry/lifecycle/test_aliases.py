"""Alias and tags: derived from the head, trusted by nothing, repaired when they are stale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from registry.errors import NotFound, VerificationError
from registry.lifecycle.aliases import needed_repairs, repair
from registry.tracking.candidates import stage
from registry.tracking.names import CANDIDATES, PRODUCTION, PROMPT_TAG
from tests.world import World


def stale(world: World) -> list[str]:
    return [needed.problem for needed in needed_repairs(world.client, world.ledger)]


def test_an_empty_ledger_needs_no_alias(world: World) -> None:
    assert stale(world) == []
    assert repair(world.client, world.ledger) == []


def test_nothing_is_stale_after_a_promotion(world: World) -> None:
    world.put_in_production()
    assert stale(world) == []


def test_an_alias_moved_by_hand_changes_no_head_and_is_reported(world: World) -> None:
    world.put_in_production()
    head = world.put_in_production()
    world.client.set_registered_model_alias(PRODUCTION, "production", "1")
    assert world.ledger.head == head
    assert stale(world) == ["alias production is on version 1, the head is 2"]


def test_an_alias_that_was_taken_away_is_reported(world: World) -> None:
    world.put_in_production()
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    assert stale(world) == ["alias production is on version None, the head is 1"]


def test_every_stale_alias_and_tag_is_reported_and_repaired(world: World) -> None:
    world.put_in_production()
    world.client.delete_registered_model_alias(PRODUCTION, "production")
    world.client.set_model_version_tag(CANDIDATES, "1", "ledger_version", "9")
    stage(world.client, "1")
    problems = stale(world)
    assert problems == [
        "alias production is on version None, the head is 1",
        "candidate 1 lacks the tag ledger_version=1",
        "candidate 1 is in Production and still in Staging",
    ]
    assert repair(world.client, world.ledger) == problems
    assert stale(world) == []


def test_another_candidate_in_staging_is_not_stale(world: World) -> None:
    world.put_in_production()
    stage(world.client, str(world.register()))
    assert stale(world) == []


def test_a_deleted_candidate_needs_no_tag(world: World) -> None:
    world.put_in_production()
    world.client.delete_model_version(CANDIDATES, "1")
    assert stale(world) == []


@contextmanager
def marked_as_a_prompt(world: World) -> Iterator[None]:
    """By REST: MLflow's own Python client would refuse."""
    address = f"{world.server.uri}/api/2.0/mlflow/registered-models"
    tag = {"name": PRODUCTION, "key": PROMPT_TAG}
    set_it = requests.post(f"{address}/set-tag", json={**tag, "value": "true"}, timeout=20)
    set_it.raise_for_status()
    yield
    requests.delete(f"{address}/delete-tag", json=tag, timeout=20).raise_for_status()


def test_what_hides_the_alias_is_named(world: World) -> None:
    world.put_in_production()
    with marked_as_a_prompt(world), pytest.raises(NotFound) as refusal:
        repair(world.client, world.ledger)
    assert str(refusal.value) == (
        "MLflow takes fraud-detector-production for a prompt and hides its alias; delete its "
        "tag mlflow.prompt.is_prompt, in the database if need be"
    )


def test_where_the_alias_cannot_be_set_the_entry_counts_and_a_warning_is_printed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put_in_production()
    reference, _ = world.evaluate(world.register(threshold=0.25))
    capsys.readouterr()
    with marked_as_a_prompt(world):
        link = world.promote(reference)
    assert world.ledger.head == link
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "warning" in line)
    assert line.startswith(
        "warning: the entry is in the ledger, but alias and tags were not set: MLflow"
    )
    assert line.endswith("; then run `registry repair`")


def test_a_broken_ledger_has_no_head_to_compare_with(world: World) -> None:
    world.put_in_production()
    world.put_in_production()
    world.client.delete_model_version(PRODUCTION, "1")
    with pytest.raises(VerificationError, match="the ledger is broken"):
        stale(world)

"""Every attack on the way into Production of `docs/attacks.md`, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.candidates import contract
from tests.places import REPOSITORY
from tests.registry.attacks import CANDIDATE_ATTACKS, CandidateAttack, candidate_table
from tests.registry.attacks.decisions import GOOD, verdict_on
from tests.registry.attacks.looks import FLOOR_ALONE
from tests.registry.attacks.provenance import attempt
from tests.registry.provenance.origins import attest_candidate, new_origin
from tests.world import World


@pytest.mark.parametrize("attack", CANDIDATE_ATTACKS, ids=lambda attack: attack.name)
def test_nothing_gets_into_production(
    attack: CandidateAttack, world: World, tmp_path: Path
) -> None:
    before = None
    if attack.against_production:
        lenient = tmp_path / "floor.yaml"
        lenient.write_text(FLOOR_ALONE)
        reference, _ = world.evaluate(world.register(0.2), lenient)
        before = world.promote(reference, policy=lenient)
    assert attack.refusal in attack.outcome(world, tmp_path)
    assert world.ledger.head == before


def test_an_honest_candidate_gets_into_production_by_another_persons_approval(
    world: World, tmp_path: Path
) -> None:
    candidate = world.register()
    origin = attest_candidate(world, new_origin(tmp_path), candidate)

    entry = attempt(world, tmp_path, origin, candidate, "git:dave@example.com")

    assert entry == "version 1: promote of candidate 1 by git:dave@example.com"
    head = world.ledger.head
    assert head is not None
    assert head.statement.entry.verdict == (
        "20 of 20 checks passed; not required: a verified approver; approver said, not verified"
    )


def test_the_model_of_these_attacks_passes_with_an_honest_contract(
    world: World, tmp_path: Path
) -> None:
    assert verdict_on(world, tmp_path, GOOD, contract()) == ""


def test_the_documentation_holds_every_attack() -> None:
    text = (REPOSITORY / "docs" / "attacks.md").read_text()
    assert candidate_table(CANDIDATE_ATTACKS) in text, "update it: python -m tests.registry.attacks"

"""Every attack on the way into Production of `docs/attacks.md`, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.candidates import contract
from tests.places import REPOSITORY
from tests.registry.attacks import CANDIDATE_ATTACKS, CandidateAttack, candidate_table
from tests.registry.attacks.decisions import GOOD, verdict_on
from tests.world import World


@pytest.mark.parametrize("attack", CANDIDATE_ATTACKS, ids=lambda attack: attack.name)
def test_nothing_gets_into_production(
    attack: CandidateAttack, world: World, tmp_path: Path
) -> None:
    assert attack.refusal in attack.outcome(world, tmp_path)
    assert world.ledger.head is None


def test_the_model_of_these_attacks_passes_with_an_honest_contract(
    world: World, tmp_path: Path
) -> None:
    assert verdict_on(world, tmp_path, GOOD, contract()) == ""


def test_the_documentation_holds_every_attack() -> None:
    text = (REPOSITORY / "docs" / "attacks.md").read_text()
    assert candidate_table(CANDIDATE_ATTACKS) in text, "update it: python -m tests.registry.attacks"

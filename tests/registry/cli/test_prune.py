"""The command that deletes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.ledger.creation import create_ledger
from tests.registry.cli.commands import Commands
from tests.registry.old import train, train_old
from tests.world import World


def test_prune_lists_what_it_would_delete_and_deletes_it_when_told_so(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    old, new = train_old(world, tmp_path / "x"), train(world, tmp_path / "x")
    ninety = ("prune", "--older-than-days", "90")

    assert run_here(*ninety) == (
        0,
        f"candidate 1 (run {old.run_id}): to delete\n"
        f"candidate 2 (run {new.run_id}): kept: it is newer\n"
        "1 to delete, 1 kept; nothing was deleted: repeat it with --delete\n",
    )
    code, out = run_here(*ninety, "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "dry_run": True,
            "runs": [
                {"run_id": old.run_id, "candidates": [1], "kept": None},
                {"run_id": new.run_id, "candidates": [2], "kept": "it is newer"},
            ],
        },
    )
    assert run_here(*ninety, "--delete") == (
        0,
        f"candidate 1 (run {old.run_id}): deleted\n"
        f"candidate 2 (run {new.run_id}): kept: it is newer\n"
        "1 deleted, 1 kept\n",
    )


def test_prune_with_the_configuration_of_another_ledger_deletes_nothing(
    run_here: Commands, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plan(world.register())
    train_old(world, tmp_path / "x")
    create_ledger(tmp_path / "other.yaml", tmp_path / "other.pem")
    monkeypatch.setenv("FRAUD_LEDGER_CONFIG", str(tmp_path / "other.yaml"))

    assert run_here("prune", "--older-than-days", "90", "--delete") == (3, "")
    assert "version 1 is passed over" in run_here.error


@pytest.mark.parametrize("days", ["0", "-1", "100000000", "soon"])
def test_prune_needs_a_sensible_age(run_here: Commands, days: str) -> None:
    assert run_here("prune", "--older-than-days", days, "--delete") == (2, "")

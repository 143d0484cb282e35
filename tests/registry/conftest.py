"""Fixtures for the tests of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.tracking.names import EVIDENCE_EXPERIMENT
from tests.registry.command_line import CommandLine
from tests.world import World


@pytest.fixture
def no_evidence(world: World) -> None:
    """Delete the evidence of other tests, which on an empty ledger all compares with nothing."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is not None:
        for run in world.client.search_runs([experiment.experiment_id], max_results=1000):
            world.client.delete_run(run.info.run_id)


@pytest.fixture
def command_line(world: World, tmp_path: Path) -> CommandLine:
    return CommandLine(world, tmp_path / "command.log")

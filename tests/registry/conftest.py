"""What several tests of the registry need."""

from __future__ import annotations

import pytest

from registry.tracking.names import EVIDENCE_EXPERIMENT
from tests.world import World


@pytest.fixture
def no_evidence(world: World) -> None:
    """No evidence of other tests: an empty ledger has no digest by which to tell it apart."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is not None:
        for run in world.client.search_runs([experiment.experiment_id], max_results=1000):
            world.client.delete_run(run.info.run_id)

"""The training runs of a candidate and of the model in Production."""

from __future__ import annotations

import pytest

from registry.errors import NotFound
from registry.tracking.comparison import trained, trained_in_production
from registry.tracking.names import CANDIDATES, DATA_TAG
from tests.world import World


def test_the_run_of_a_candidate_is_read_with_its_metrics(world: World) -> None:
    version = world.register()
    run_id = str(world.client.get_model_version(CANDIDATES, str(version)).run_id)
    world.client.log_metric(run_id, "average_precision", 0.5)
    world.client.log_param(run_id, "model", "boosting")
    world.client.set_tag(run_id, DATA_TAG, "abc")

    found = trained(world.client, str(version))

    assert (found.version, found.run_id, found.model, found.data) == (
        version,
        run_id,
        "boosting",
        "abc",
    )
    assert found.metrics == {"average_precision": 0.5}
    with pytest.raises(NotFound, match="there is no candidate 999999"):
        trained(world.client, "999999")


def test_production_has_the_run_of_its_candidate_until_that_is_deleted(world: World) -> None:
    assert trained_in_production(world.client, None) is None
    head = world.put_in_production()
    candidate = head.statement.entry.candidate

    found = trained_in_production(world.client, head)

    assert found is not None
    assert (found.version, found.run_id) == (candidate.version, candidate.run_id)
    world.client.delete_model_version(CANDIDATES, str(candidate.version))
    assert trained_in_production(world.client, head) is None

"""`registry compare`: a candidate beside Production, for people, job summaries and programs."""

from __future__ import annotations

import json

from registry.tracking.names import CANDIDATES
from tests.registry.cli.commands import Commands
from tests.world import World


def test_a_candidate_is_shown_beside_production(run_here: Commands, world: World) -> None:
    head = world.put_in_production()
    version = world.register()
    run_id = str(world.client.get_model_version(CANDIDATES, str(version)).run_id)
    world.client.log_metric(run_id, "average_precision", 0.75)
    before = head.statement.entry.candidate.version

    code, out = run_here("compare", str(version), "--markdown")

    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"|  | Candidate {version} | Production (candidate {before}) |"
    assert "| Average precision | 0.750 | – |" in lines
    assert lines[-2] == ""
    code, out = run_here("compare", str(version), "--json")
    assert code == 0
    assert json.loads(out)["candidate"]["metrics"] == {"average_precision": 0.75}
    assert json.loads(out)["production"]["version"] == before
    code, out = run_here("compare", str(version))
    assert code == 0
    assert "Average precision" in out


def test_a_candidate_that_is_not_there_is_named(run_here: Commands, world: World) -> None:
    world.put_in_production()
    code, _ = run_here("compare", "0")
    assert code == 2
    assert run_here.error.startswith("error: there is no candidate 0; train one")

"""What `status` lists, from a real server, page by page."""

from __future__ import annotations

import pytest

from registry.errors import Unreachable
from registry.tracking import overview
from registry.tracking.candidates import stage
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from registry.tracking.overview import candidates_of, evidence_runs, staged_version
from registry.tracking.rest import Registry
from tests.components import output_of
from tests.world import World

PROGRAM = """
import sys
import registry.cli.main
unwanted = {"mlflow", "pandas", "sklearn", "matplotlib", "scipy", "requests"}
print(*sorted(unwanted & set(sys.modules)))
"""


def test_the_candidate_in_staging_is_found_by_its_alias(world: World) -> None:
    registry = Registry(world.server.uri)
    assert staged_version(registry) is None
    world.register()
    assert staged_version(registry) is None
    stage(world.client, str(world.register()))
    assert staged_version(registry) == 2


def test_runs_are_found_on_all_pages_newest_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(world.server.uri)
    monkeypatch.setattr(overview, "RUNS_PER_PAGE", 2)
    assert list(evidence_runs(registry, "tags.kind = 'a'")) == []
    experiment = world.client.create_experiment(EVIDENCE_EXPERIMENT)
    made = [
        world.client.create_run(experiment, start_time=number, tags={"kind": kind}).info.run_id
        for number, kind in enumerate("aabaaa", 1)
    ]
    found = list(evidence_runs(registry, "tags.kind = 'a'"))
    assert [run.run_id for run in found] == [made[index] for index in (5, 4, 3, 1, 0)]
    assert found[0].tags["kind"] == "a"


def test_candidates_are_found_by_their_runs_on_all_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(world.server.uri)
    monkeypatch.setattr(overview, "VERSIONS_PER_PAGE", 2)
    runs = [
        str(world.client.get_model_version(CANDIDATES, str(world.register())).run_id)
        for _ in range(3)
    ]
    found = candidates_of(registry, [*runs, "f" * 32])
    assert sorted(found) == list(zip((1, 2, 3), runs, strict=True))
    assert list(candidates_of(registry, [])) == []


def test_a_server_that_is_away_is_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Unreachable, match=r"^reading Staging: no response from http://127"):
        staged_version(Registry("http://127.0.0.1:9"))


def test_commands_that_only_read_load_neither_mlflow_nor_what_evaluates() -> None:
    assert output_of(PROGRAM) == ""

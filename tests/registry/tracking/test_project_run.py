"""Runs of `mlflow run` get the name of what they did."""

from __future__ import annotations

import pytest

from registry.tracking.client import connect
from registry.tracking.project_run import name_project_run
from tests.world import Server


def test_the_run_of_the_process_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connect(server.uri)
    run = client.create_run("0")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    name_project_run(client, "evaluate · candidate 3 · passed", "Evidence: `…`")
    named = client.get_run(run.info.run_id)
    assert named.info.run_name == "evaluate · candidate 3 · passed"
    assert named.data.tags["mlflow.note.content"] == "Evidence: `…`"


def test_outside_of_a_project_and_for_an_unknown_run_nothing_happens(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(server.uri)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    name_project_run(client, "nothing")
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    name_project_run(client, "nothing")

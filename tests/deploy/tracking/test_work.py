"""Each role does its work on the guarded server: real commands, and training as it logs."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow
import onnx
import pytest
from typer.testing import CliRunner

from deploy.local.processes import free_port, inference_service
from registry.cli.main import app
from registry.tracking.names import CANDIDATES, TRAINING_EXPERIMENT
from tests.candidates import contract, saved_model
from tests.deploy.tracking.actor import password
from tests.deploy.tracking.team import Team, signed_in
from tests.inference.calls import wait_for_health
from training import track

BY_ALICE = ("--approver", "github:alice")


class Registry:
    """`python -m registry`, as one user."""

    def __init__(self, team: Team, user: str) -> None:
        self._team, self._user = team, user

    def __call__(self, *arguments: str, code: int = 0) -> str:
        with signed_in(self._user):
            result = CliRunner().invoke(app, arguments, env=self._team.world.environment)
        assert result.exit_code == code, (arguments, result.output, result.exception)
        return result.output


def test_a_trainer_logs_registers_and_stages(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load(str(saved_model(1.0) / "model.onnx"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", team.guarded_uri)
    with team.restored(), signed_in("trainer"):
        # Not set_tracking_uri and set_experiment, which would hold for all later tests.
        client = mlflow.MlflowClient()
        experiment = client.get_experiment_by_name(TRAINING_EXPERIMENT)
        assert experiment is not None
        with mlflow.start_run(experiment_id=experiment.experiment_id):
            mlflow.log_params({"model": "logistic"})
            mlflow.log_metric("rows", 400)
            mlflow.set_tags({"git_dirty": "false"})
            mlflow.log_text("mlflow==3.17.2", "environment.txt")
            model_id = track.log_model(model, contract())
        files = track.logged_files(model_id)
        version = track.register(model_id, files, {"dataset": "test"})
        client.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "note")
        output = Registry(team, "trainer")("stage", str(version))
        staged = team.world.client.get_model_version_by_alias(CANDIDATES, "staging")
        seen = Registry(team, "trainer")("history")

    assert "candidate 3" in output
    assert (int(staged.version), staged.tags["dataset"]) == (3, "test")
    assert "promote" in seen


def test_a_promoter_evaluates_promotes_freezes_and_rolls_back(team: Team) -> None:
    registry = Registry(team, "promoter")
    rows = str(team.world.rows)
    with team.restored():
        registry("plan", "staging", "--rows", rows, "--reason", "monthly release", *BY_ALICE)
        reference = re.search(
            r"\w{32}@sha256:\w{64}", registry("evaluate", "staging", "--rows", rows)
        )
        assert reference
        registry("promote", reference[0], "--comment", "better", *BY_ALICE)
        with signed_in("promoter"):
            client = team.world.client
            candidate = client.get_model_version(CANDIDATES, "2")
            aliases = client.get_registered_model(CANDIDATES).aliases
        registry("rollback", "--reason", "false alerts", *BY_ALICE)
        registry("freeze", "--reason", "change stop", *BY_ALICE)
        registry("unfreeze", "--reason", "over", *BY_ALICE)
        repaired = registry("repair")
        verified = Registry(team, "auditor")("verify")

    assert candidate.tags["ledger_version"] == "3"
    assert aliases == {}
    assert "0 problems" in verified
    assert "stale" not in verified
    assert repaired == "0 stale\n"


def test_a_pod_serves_as_reader(team: Team, tmp_path: Path) -> None:
    settings = {
        "MLFLOW_TRACKING_USERNAME": "reader",
        "MLFLOW_TRACKING_PASSWORD": password("reader"),
        "FRAUD_CACHE": str(tmp_path / "cache"),
    }
    log = tmp_path / "pod.log"
    with inference_service(team.guarded_uri, team.world.config, free_port(), log, **settings) as (
        uri,
        _,
    ):
        health = wait_for_health(uri, 200)

    assert health.json()["model_version"] == 1


def test_an_auditor_verifies_and_reads_training(team: Team) -> None:
    auditor = team.actor("auditor", guarded=True)

    assert "1 entries, 0 problems" in Registry(team, "auditor")("verify")
    assert auditor.get("runs/get", run_id=team.facts.candidate_run).status == 200
    assert auditor.get("experiments/search", max_results="9").text.count('"name"') >= 2
    assert team.state() == team.clean

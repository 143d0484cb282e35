"""The MLflow Project: its entry points, its environment, and `mlflow run` itself."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest
import requests
import yaml
from packaging.specifiers import SpecifierSet

from deploy.local.azure import LocalAzure
from deploy.local.processes import free_port, inference_service, wait_until_ok
from registry.evaluation.measures import detection
from registry.evaluation.metrics import Costs
from registry.evaluation.rows import read_rows
from registry.ledger.manifest import sha256_of
from registry.storage.container import open_container
from registry.tracking.head import fetch_head
from registry.tracking.names import CANDIDATES, DATA_TAG
from registry.tracking.rest import Registry
from tests.azurite import log_in
from tests.places import REPOSITORY, shared_data
from tests.training.commands import Finished, candidates, environment_of, newest_run, process
from tests.training.policies import write_policy
from tests.world import POLICY, World

MLFLOW = str(Path(sys.executable).parent / "mlflow")
IN_A_BLOB = "2026/in-a-blob.parquet"
"""A name of its own: in an experiment, MLflow keeps the first source of a name and digest."""
REFERENCE = re.compile(r"[0-9a-f]{32}@sha256:[0-9a-f]{64}")


def parameters_of(entry_point: str) -> dict[str, tuple[str, object]]:
    project = yaml.safe_load((REPOSITORY / "MLproject").read_text())
    parameters = project["entry_points"][entry_point]["parameters"]
    return {name: (each["type"], each.get("default")) for name, each in parameters.items()}


def test_the_entry_points_are_main_evaluate_promote_rollback_and_score() -> None:
    project = yaml.safe_load((REPOSITORY / "MLproject").read_text())

    assert list(project["entry_points"]) == [
        "main",
        "evaluate",
        "promote",
        "rollback",
        "score",
    ]
    assert project["conda_env"] == "conda.yaml"


def test_the_parameters_of_the_entry_points_have_types_and_defaults() -> None:
    assert parameters_of("main") == {
        "data": ("string", "simulated"),
        "dataset": ("string", "simulated"),
        "model": ("string", "hist_gradient_boosting"),
        "trials": ("float", 0),
        "seed": ("float", 0),
        "register": ("string", "true"),
    }
    assert parameters_of("evaluate") == {
        "data": ("string", "simulated"),
        "dataset": ("string", "simulated"),
        "candidate": ("string", "staging"),
        "policy": ("string", ""),
    }
    assert parameters_of("promote") == {
        "evidence": ("string", None),
        "approver": ("string", None),
        "comment": ("string", ""),
        "policy": ("string", ""),
    }
    assert parameters_of("rollback") == {
        "to": ("string", None),
        "approver": ("string", None),
        "reason": ("string", None),
    }
    assert parameters_of("score") == {
        "input": ("string", None),
        "output": ("string", None),
        "history": ("string", ""),
        "label": ("string", ""),
        "max_rejects": ("float", 0.01),
    }


def test_conda_takes_its_pins_from_the_requirements_and_a_python_that_the_project_allows() -> None:
    environment = yaml.safe_load((REPOSITORY / "conda.yaml").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    [python] = [pin for pin in environment["dependencies"] if str(pin).startswith("python=")]

    assert environment["dependencies"][1:] == ["pip", {"pip": ["-r requirements/training.txt"]}]
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))


def mlflow_run(world: World, *arguments: str, **more: str) -> Finished:
    command = [MLFLOW, "run", ".", "--env-manager", "local", *arguments]
    return process(command, environment_of(**world_settings(world), **more))


def world_settings(world: World) -> dict[str, str]:
    settings = dict(world.environment)
    return {"uri": settings.pop("MLFLOW_TRACKING_URI"), **settings}


@pytest.fixture(scope="module")
def address(storage: LocalAzure, transactions: Path) -> str:
    """Of the transactions in Blob Storage."""
    storage.create_containers(["project"])
    with pytest.MonkeyPatch.context() as patched:
        log_in(storage, patched)
        with open_container(storage.address("project")) as container:
            container.upload(transactions, IN_A_BLOB)
    return storage.address("project", IN_A_BLOB)


@pytest.fixture(scope="module")
def by_project(lasting_world: World, storage: LocalAzure, address: str) -> Finished:
    """`mlflow run .` with parameters, in the experiment that the documentation names."""
    return mlflow_run(
        lasting_world,
        *("--experiment-name", "fraud-detector"),
        *("-P", f"data={address}", "-P", "model=random_forest", "-P", "seed=1"),
        **storage.environment,
    )


def registered_by(finished: Finished) -> int:
    [version] = re.findall(r"^candidate (\d+) is registered", finished.output, re.MULTILINE)
    return int(version)


def test_mlflow_run_trains_and_registers_a_candidate(
    lasting_world: World, by_project: Finished
) -> None:
    assert by_project.code == 0, by_project.errors
    version = registered_by(by_project)
    of_version = lasting_world.client.get_model_version(CANDIDATES, str(version))
    run = lasting_world.client.get_run(str(of_version.run_id))
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "random_forest"
    assert run.data.tags["mlflow.project.entryPoint"] == "main"


def test_a_run_from_a_blob_names_its_address_and_the_digest_of_its_bytes(
    lasting_world: World, by_project: Finished, transactions: Path, address: str
) -> None:
    assert by_project.code == 0, by_project.errors
    version = lasting_world.client.get_model_version(CANDIDATES, str(registered_by(by_project)))
    run = lasting_world.client.get_run(str(version.run_id))
    assert run.data.params["data"] == address
    assert run.data.tags[DATA_TAG] == sha256_of(transactions)
    assert run.inputs is not None
    [logged] = run.inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.source_type) == ("in-a-blob", "wasbs")
    assert json.loads(logged.dataset.source) == {"uri": address}


def test_the_evaluate_entry_point_prints_what_to_approve_and_fails_where_a_gate_does(
    lasting_world: World, by_project: Finished, transactions: Path, tmp_path: Path
) -> None:
    assert by_project.code == 0, by_project.errors
    version = registered_by(by_project)
    arguments = ("-e", "evaluate", "-P", f"candidate={version}", "-P", f"data={transactions}")

    lax = write_policy(tmp_path, "lax", average_precision=0.3)
    strict = write_policy(tmp_path, "strict", average_precision=0.999)

    passed = mlflow_run(lasting_world, *arguments, "-P", f"policy={lax}")
    refused = mlflow_run(lasting_world, *arguments, "-P", f"policy={strict}")

    assert passed.code == 0, passed.errors
    assert "22 of 22 checks passed; its origin is only claimed: approve it" in passed.output
    [reference] = REFERENCE.findall(passed.output)
    assert refused.code != 0
    assert (
        "21 of 22 checks passed; its origin is only claimed: it cannot be promoted"
        in refused.output
    )
    link = lasting_world.promote(reference, policy=lax)
    assert link.statement.entry.candidate.version == version


def test_the_promote_and_rollback_entry_points_append_to_the_ledger(own_ledger: World) -> None:
    world = own_ledger
    first = world.put_in_production(quality=0.8)
    candidate = world.register(quality=1.0)
    reference, _ = world.evaluate(candidate)

    promoted = mlflow_run(
        world,
        *("-e", "promote", "-P", f"evidence={reference}", "-P", "approver=github:bob"),
        *("-P", "comment=it's better; see ticket 12", "-P", f"policy={POLICY}"),
    )
    assert promoted.code == 0, promoted.errors
    head = world.ledger.head
    assert head is not None
    assert head.statement.entry.approver == "github:bob"
    assert head.statement.entry.comment == "it's better; see ticket 12"
    assert head.statement.entry.candidate.version == candidate

    rolled_back = mlflow_run(
        world,
        *("-e", "rollback", "-P", f"to={first.version}", "-P", "approver=github:bob"),
        *("-P", "reason=false alerts since 09:00"),
    )
    assert rolled_back.code == 0, rolled_back.errors
    head = world.ledger.head
    assert head is not None
    assert head.statement.entry.action == "rollback"
    assert head.statement.entry.comment == "false alerts since 09:00"
    assert head.statement.files == first.statement.files


def test_mlflow_run_builds_its_own_environment_with_uv(
    lasting_world: World, transactions: Path, tmp_path: Path
) -> None:
    settings = world_settings(lasting_world) | {"MLFLOW_ENV_ROOT": str(tmp_path / "environments")}
    arguments = ["-P", f"data={transactions}", "-P", "model=logistic_regression"]

    finished = process(
        [MLFLOW, "run", ".", "--env-manager", "uv", *arguments],
        environment_of(**settings),
    )

    assert finished.code == 0, finished.errors
    assert [path.name[:7] for path in (tmp_path / "environments").iterdir()] == ["mlflow-"]
    assert f"candidate {candidates(lasting_world.client)[-1]} is registered" in finished.output
    assert newest_run(lasting_world.client, "Default").info.status == "FINISHED"


def test_acceptance_the_ulb_data_goes_from_a_file_to_bit_identical_answers(
    own_ledger: World, tmp_path: Path
) -> None:
    world = own_ledger
    data = shared_data("creditcard.parquet")
    environment = environment_of(**world_settings(world))
    arguments = ["--data", str(data), "--dataset", "creditcard"]
    rows = tmp_path / "held-out.parquet"

    trained = process([sys.executable, "-m", "training", "train", *arguments], environment)
    assert trained.code == 0, trained.errors
    run = newest_run(world.client)
    assert run.data.metrics["average_precision"] >= 0.78
    assert run.data.metrics["rows"] == 284_807
    candidate = str(candidates(world.client)[-1])

    stage = ["registry", "stage", candidate]
    staged = process([sys.executable, "-m", *stage], environment)
    assert staged.code == 0, staged.errors
    written = process(
        [sys.executable, "-m", "training", "rows", str(rows), *arguments], environment
    )
    assert written.code == 0, written.errors
    policy = ["--policy", str(write_policy(tmp_path, "acceptance", four_eyes=True))]
    evaluated = process(
        [sys.executable, "-m", "registry", "evaluate", "--rows", str(rows), *policy], environment
    )
    assert evaluated.code == 0, evaluated.errors
    reference = evaluated.output.splitlines()[-1]
    approver = "git:reviewer@example.com"
    promote = ["promote", reference, "--approver", approver, "--comment", "acceptance"]
    promoted = process([sys.executable, "-m", "registry", *promote, *policy], environment)
    assert promoted.code == 0, promoted.errors

    head = fetch_head(Registry(world.server.uri), world.trust)
    assert head.link.statement.entry.policy.name == "acceptance"
    assert head.link.statement.entry.approver == approver
    scorer = head.scorer
    held_out = read_rows(rows)
    assert len(held_out.labelled.labels) >= 0.3 * 284_807
    scores = scorer.score(held_out.encoded(scorer.contract))
    assert detection(held_out.labelled, scores, Costs(100, 5.0))["average_precision"] >= 0.78

    frame = pl.read_parquet(rows)
    chosen = pl.concat(
        frame.filter(pl.col("_label") == label).head(count) for label, count in ((1, 50), (0, 950))
    )
    inputs = chosen.select(scorer.contract.names).rows()
    log = tmp_path / "inference.log"
    with inference_service(world.server.uri, world.config, free_port(), log) as (address, service):
        wait_until_ok(service, f"{address}/healthcheck", log)
        with requests.Session() as session:
            answers = [
                session.post(
                    f"{address}/predict",
                    json=dict(zip(scorer.contract.names, row, strict=True)),
                    timeout=10,
                ).json()
                for row in inputs
            ]

    offline = [float(scorer.score(scorer.encode(list(row)))[0]) for row in inputs]
    assert len(answers) == 1000
    assert [answer["probability"] for answer in answers] == offline
    assert {answer["model_version"] for answer in answers} == {head.link.version}
    assert {answer["decision"] for answer in answers} == {"approve", "review"}

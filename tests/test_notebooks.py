"""The notebooks, executed from the first cell to the last against a real server."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from deploy.local.processes import free_port, inference_service
from registry.tracking.candidates import staged
from tests.contracts import raw_contract
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, raw_weights, write_contract_model
from tests.inference.sending import sent
from tests.places import REPOSITORY
from tests.training.commands import candidates, training
from tests.world import World
from training.simulate import simulate

FOLDER = REPOSITORY / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def read(name: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def run(name: str, environment: dict[str, str]) -> NotebookNode:
    """Execute a notebook from the repository; raises CellExecutionError where a cell fails."""
    notebook = read(name)
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(REPOSITORY)}}
    )
    with client.setup_kernel(env={**os.environ, "PYTHONWARNINGS": "ignore", **environment}):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return notebook


def printed(notebook: NotebookNode) -> str:
    """All that was printed or displayed as text."""
    shown = outputs(notebook)
    return "\n".join(one.get("text", "") or one.data.get("text/plain", "") for one in shown)


def pictures(notebook: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """18,545 simulated transactions of sixty days, 177 of them frauds."""
    path = tmp_path / "transactions.parquet"
    simulate(customers=150, terminals=300, days=60, seed=1).write_parquet(path)
    return path


def test_there_is_one_notebook_for_each_job() -> None:
    assert NAMES == ["1_explore.ipynb", "2_compare.ipynb", "3_review.ipynb", "4_ask.ipynb"]


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_stored_without_outputs_and_each_cell_is_described(name: str) -> None:
    cells = read(name).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count is not None] == []
    for before, cell in pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown"
            assert before.source.splitlines()[-1].endswith((".", "?"))


def test_exploring_shows_the_data_and_what_separates_fraud(data: Path) -> None:
    notebook = run("1_explore.ipynb", {"FRAUD_DATA": str(data)})

    assert "transactions.parquet: 18,545 transactions, 177 frauds" in printed(notebook)
    assert pictures(notebook) == 2
    assert "terminal_id_risk_7d" in printed(notebook)


def test_comparing_stages_the_candidate_with_the_best_lower_bound(world: World, data: Path) -> None:
    uri = world.server.uri
    for model in ("logistic_regression", "hist_gradient_boosting"):
        finished = training(uri, "train", "--data", str(data), "--model", model)
        assert finished.code == 0, finished.errors
    ends = {
        number: world.client.get_run(
            str(world.client.get_model_version("fraud-detector", str(number)).run_id)
        ).data.metrics["average_precision_lower"]
        for number in candidates(world.client)
    }

    notebook = run("2_compare.ipynb", {"MLFLOW_TRACKING_URI": uri})

    best = max(ends, key=lambda number: ends[number])
    version = staged(world.client)
    assert version is not None
    assert int(version.version) == best
    assert f"candidate {best} is in Staging" in printed(notebook)
    assert f"--data {data} --dataset simulated" in printed(notebook)
    assert "2 of 2 candidates were trained on" in printed(notebook)
    assert pictures(notebook) == 5


def reviewed(world: World, reference: str) -> NotebookNode:
    environment = {**world.environment, "FRAUD_EVIDENCE": reference}
    del environment["FRAUD_SIGNING_KEY"]  # a reviewer signs nothing
    return run("3_review.ipynb", environment)


def test_a_review_verifies_every_file_and_shows_how_to_approve(world: World) -> None:
    reference, evidence = world.evaluate(world.register())

    notebook = reviewed(world, reference)

    text = printed(notebook)
    assert f"{len(evidence.files)} files match sha256:" in text
    assert "authors: git:carol@example.com, github:carol" in text
    assert f"python -m registry promote {reference}" in text
    assert pictures(notebook) == 2


def test_a_review_of_a_refused_candidate_names_the_gate_that_failed(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    assert evidence.blocking

    text = printed(reviewed(world, reference))

    assert f"cannot be promoted: {evidence.blocking[0].gate}" in text
    assert "registry promote" not in text


def test_a_review_stops_where_a_file_was_changed(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    run_id = reference.split("@", maxsplit=1)[0]
    world.client.log_text(run_id, "changed", "report.md")

    with pytest.raises(CellExecutionError, match=r"report\.md was changed"):
        reviewed(world, reference)


def test_a_review_stops_where_the_head_has_changed_since(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    world.put_in_production(quality=0.8)

    with pytest.raises(CellExecutionError, match="the head has changed since"):
        reviewed(world, reference)


def test_asking_shows_what_the_service_computed_and_leaves_no_trace(
    world: World, tmp_path: Path
) -> None:
    contract = raw_contract()
    append_signed(world, write_contract_model(tmp_path / "m", raw_weights(contract), contract))
    log = tmp_path / "log"
    with inference_service(world.server.uri, world.config, free_port(), log) as (address, _):
        wait_for_health(address, 200)
        transaction = json.dumps(sent("a"))
        for _ in range(2):
            notebook = run("4_ask.ipynb", {"FRAUD_URL": address, "FRAUD_TRANSACTION": transaction})
            assert "probability 0.1000: approve, by ledger version 1" in printed(notebook)
    assert "card_count_1d" in printed(notebook)
    assert pictures(notebook) == 2

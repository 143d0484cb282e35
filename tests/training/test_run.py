"""Whole training runs on a real tracking server, and what is in MLflow afterwards."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import subprocess
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from docs.pages.screenshots import COLUMNS
from inference.model import ServedModel
from registry.evaluation.gates.integrity import Integrity
from registry.evaluation.policy import SHIPPED, read_policy
from registry.evaluation.rows import encode_frame, read_rows
from registry.ledger.files import Files
from registry.model.contract import Contract
from registry.model.scorer import Scorer, open_model
from registry.tracking.candidates import download_candidate
from registry.tracking.names import CANDIDATES, FAILURE_TAG, FILES_TAG, LEDGER_VERSION_TAG
from tests.inference.pods import served_head
from tests.places import REPOSITORY
from tests.training import own_data
from tests.training.commands import Finished, candidates, newest_run, training
from tests.training.policies import write_policy
from tests.world import World
from training.contract_writer import describe_inputs
from training.data import read_data
from training.dataset import read_dataset
from training.evaluation_rows import write_evaluation_rows
from training.fit import Recipe, encode, validate
from training.intervals import estimates
from training.models import MODELS
from training.run import warn_if_few_frauds, warn_if_sampled, warn_if_too_large
from training.split import split_by_time


@dataclass(frozen=True)
class Trained:
    """One finished run, with its candidate's files as a reader fetches them."""

    finished: Finished
    run: Run
    version: int
    files: Files
    contract: Contract
    scorer: Scorer


def fetch(client: MlflowClient, version: int) -> Files:
    return download_candidate(client, client.get_model_version(CANDIDATES, str(version)))


@pytest.fixture(scope="module")
def trained(
    lasting_world: World, transactions: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    client = lasting_world.client
    arguments = ("--data", str(transactions), "--model", "random_forest", "--seed", "3")
    finished = training(lasting_world.server.uri, "train", *arguments)
    assert finished.code == 0, finished.errors
    version = candidates(client)[-1]
    files, scorer = fetch(client, version), open_model(fetch(client, version))
    return Trained(finished, newest_run(client), version, files, scorer.contract, scorer)


def artifacts(client: MlflowClient, run: Run, folder: str) -> list[str]:
    return sorted(file.path for file in client.list_artifacts(run.info.run_id, folder))


def parity_rows(client: MlflowClient, run: Run, folder: Path) -> pd.DataFrame:
    path = client.download_artifacts(run.info.run_id, "parity/rows.parquet", str(folder))
    return pd.read_parquet(path)


def test_a_run_logs_its_parameters_and_those_of_its_model(trained: Trained) -> None:
    parameters = dict(trained.run.data.params)

    assert trained.run.info.status == "FINISHED"
    assert parameters.pop("data").endswith("transactions.parquet")
    assert parameters == {
        "dataset": "simulated",
        "model": "random_forest",
        "trials": "0",
        "seed": "3",
        "register": "true",
        **{
            f"random_forest.{name}": str(value)
            for name, value in MODELS["random_forest"].defaults.items()
        },
    }


def test_a_run_logs_its_measures_of_the_test_days_and_of_the_validation_days(
    trained: Trained,
) -> None:
    metrics = trained.run.data.metrics

    detected = ["average_precision", "budget_precision", "budget_recall", "money_saved_per_day"]
    detected += ["roc_auc"]
    measures = ["brier_score", "calibration_error", "card_precision"]
    measures += [f"threshold_{name}" for name in ("alerts_per_day", "precision", "recall")]
    measures += ["threshold_money_saved_per_day", *detected]
    assert metrics.keys() == {
        "rows",
        "fitted_rows",
        "threshold",
        *(f"validation_{name}" for name in detected),
        *(f"{name}{end}" for name in measures for end in ("", "_lower", "_upper")),
    }
    for name in measures:
        assert metrics[f"{name}_lower"] < metrics[f"{name}_upper"], name
    assert metrics["rows"] == 18_545
    assert metrics["fitted_rows"] == 10_795
    assert metrics["roc_auc"] > 0.9
    assert metrics["budget_recall"] > 0.7
    assert metrics["threshold"] == trained.contract.threshold


def test_a_run_records_its_data_code_and_libraries(trained: Trained, transactions: Path) -> None:
    tags = trained.run.data.tags
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.strip()

    sha256 = hashlib.sha256(transactions.read_bytes()).hexdigest()
    assert tags["data_sha256"] == sha256
    assert tags["git_commit"] == commit
    assert tags["git_dirty"] in ("true", "false")
    for library in ("mlflow", "numpy", "onnx", "onnxruntime", "pandas", "polars", "skl2onnx"):
        assert tags[f"library.{library}"] == importlib.metadata.version(library)
    assert trained.run.inputs is not None
    [logged] = trained.run.inputs.dataset_inputs
    assert logged.dataset.name == "transactions"
    assert logged.dataset.digest == sha256[:36]


def test_a_run_records_its_authors_and_the_pins_of_its_environment(
    lasting_world: World, trained: Trained, tmp_path: Path
) -> None:
    tags = trained.run.data.tags
    author = subprocess.run(
        ["git", "log", "-1", "--format=%ae"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    path = lasting_world.client.download_artifacts(
        trained.run.info.run_id, "environment.txt", str(tmp_path)
    )
    pins = Path(path).read_bytes()

    assert f"git:{author}" in tags["authors"].split()
    assert tags["requirements_sha256"] == hashlib.sha256(pins).hexdigest()
    lines = pins.decode().splitlines()
    assert lines == sorted(lines)
    for library in ("mlflow", "scikit-learn", "skl2onnx"):
        assert f"{library}=={importlib.metadata.version(library)}" in lines


def test_the_candidate_has_the_digest_of_its_files(lasting_world: World, trained: Trained) -> None:
    version = lasting_world.client.get_model_version(CANDIDATES, str(trained.version))

    metrics = trained.run.data.metrics
    assert version.tags == {
        "files_sha256": trained.files.manifest.digest,
        "average_precision": f"{metrics['average_precision']:.4f}",
        "budget_recall": f"{metrics['budget_recall']:.4f}",
        "threshold": f"{metrics['threshold']:.6g}",
        "dataset": "simulated",
    }


def test_the_ui_shows_what_a_run_and_its_candidate_are(
    lasting_world: World, trained: Trained
) -> None:
    client, value = lasting_world.client, trained.run.data.metrics["average_precision"]
    name = trained.run.info.run_name
    model = trained.run.data.params["model"]
    assert name == f"{model} · trials 0 · AP .{round(100 * value)}"
    version = client.get_model_version(CANDIDATES, str(trained.version))
    described = str(version.description)
    assert described.startswith(f"**{model}** on `simulated`, trained on 20")
    assert f"| Average precision | {value:.3f} | " in described
    assert trained.run.data.tags["mlflow.note.content"] == described
    assert client.get_registered_model(CANDIDATES).description.startswith("Candidates. ")
    experiment = client.get_experiment(trained.run.info.experiment_id)
    assert experiment.tags["mlflow.note.content"].startswith("Each run trains one model. ")


def test_the_measures_of_a_run_are_those_of_the_rows_that_the_gates_read(
    trained: Trained, transactions: Path, tmp_path: Path
) -> None:
    write_evaluation_rows(str(transactions), "simulated", tmp_path / "rows.parquet")
    rows = read_rows(tmp_path / "rows.parquet")
    scores = trained.scorer.score(rows.encoded(trained.contract))
    costs = read_dataset("simulated").costs

    expected = estimates(rows.labelled, scores, costs, trained.contract.threshold)

    metrics = trained.run.data.metrics
    for name, estimate in expected.items():
        logged = (metrics[name], metrics[f"{name}_lower"], metrics[f"{name}_upper"])
        assert logged == pytest.approx(astuple(estimate), rel=1e-6), name


def test_a_run_contains_plots_a_model_card_and_parity_rows(
    lasting_world: World, trained: Trained, tmp_path: Path
) -> None:
    client = lasting_world.client

    assert artifacts(client, trained.run, "plots") == [
        "plots/alerts_recall.png",
        "plots/by_day.png",
        "plots/by_slice.png",
        "plots/importance.png",
        "plots/money_saved.png",
        "plots/precision_recall.png",
        "plots/reliability.png",
        "plots/score_distribution.png",
    ]
    assert artifacts(client, trained.run, "parity") == ["parity/rows.parquet"]
    path = client.download_artifacts(trained.run.info.run_id, "model_card.html", str(tmp_path))
    card = Path(path).read_text()
    assert trained.run.info.run_id in card
    assert f"{trained.contract.threshold:.6g}: {trained.contract.threshold_method}" in card
    assert f"{trained.run.data.metrics['average_precision']:.3f}" in card


def test_the_threshold_can_be_chosen_for_the_cost(
    lasting_world: World, transactions: Path, tmp_path: Path
) -> None:
    shipped = (REPOSITORY / "training" / "datasets" / "simulated.yaml").read_text()
    own = tmp_path / "own.yaml"
    own.write_text(shipped + "threshold_for: cost\nalert_cost: 2\n")
    arguments = ("--model", "logistic_regression", "--dataset", str(own), "--data")

    finished = training(lasting_world.server.uri, "train", *arguments, str(transactions))

    assert finished.code == 0, finished.errors
    version = candidates(lasting_world.client)[-1]
    contract = open_model(fetch(lasting_world.client, version)).contract
    assert contract.threshold_method == (
        "saves most money on the validation days, at 2 per alert; chosen before the final fit"
    )
    assert newest_run(lasting_world.client).data.metrics["threshold"] == contract.threshold


def test_the_candidate_is_onnx_with_contract_signature_and_input_example(trained: Trained) -> None:
    names = sorted(trained.files)
    example = json.loads(trained.files["input_example.json"])

    assert {"MLmodel", "model.onnx", "input_example.json", "requirements.txt"} <= set(names)
    assert not [name for name in names if name.endswith((".pkl", ".joblib", ".pickle"))]
    assert trained.contract.dataset == "simulated"
    assert trained.contract.delay_days == 7
    assert trained.contract.names[0] == "amount"
    assert len(trained.contract.names) == 13
    assert trained.contract.training_window.start.isoformat() == "2026-01-01T00:00:49+00:00"
    assert trained.contract.training_window.end.isoformat() == "2026-02-05T07:05:10+00:00"
    assert "20 a day" in trained.contract.threshold_method
    assert example["columns"] == list(trained.contract.names)
    pinned = trained.files["requirements.txt"].decode().split()
    assert f"onnxruntime=={importlib.metadata.version('onnxruntime')}" in pinned


def test_the_candidates_files_may_be_run_under_the_shipped_policy(
    lasting_world: World, trained: Trained
) -> None:
    policy = read_policy(SHIPPED)
    gate = policy.gate(Integrity)
    version = lasting_world.client.get_model_version(CANDIDATES, str(trained.version))
    assert gate
    assert gate.problems(trained.files, version.tags[FILES_TAG], policy.limits) == ()


def test_the_candidate_gives_the_recorded_probabilities_of_scikit_learn(
    lasting_world: World, trained: Trained, tmp_path: Path
) -> None:
    recorded = parity_rows(lasting_world.client, trained.run, tmp_path)

    scores = trained.scorer.score_one_by_one(encode_frame(recorded, trained.contract))

    assert len(recorded) == 5564
    assert float(np.abs(scores - recorded["probability"]).max()) < 1e-5


def test_plain_mlflow_gives_what_the_scorer_gives(
    lasting_world: World,
    trained: Trained,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", lasting_world.server.uri)
    recorded = parity_rows(lasting_world.client, trained.run, tmp_path).head(200)

    loaded = mlflow.pyfunc.load_model(f"models:/{CANDIDATES}/{trained.version}")
    answer = loaded.predict(recorded[list(trained.contract.names)].astype("float64"))

    expected = trained.scorer.score(encode_frame(recorded, trained.contract))
    assert np.array_equal(np.asarray(answer["probability"]), expected)


def test_the_contract_describes_the_training_rows_and_no_later_ones(trained: Trained) -> None:
    for histogram in (each.histogram for each in trained.contract.inputs):
        assert sum(histogram.counts) + histogram.missing == 10_795


def test_the_example_in_the_contract_raises_an_alert(trained: Trained) -> None:
    contract = trained.contract
    assert contract.example is not None
    row = pl.DataFrame([contract.example], schema=list(contract.names), orient="row")
    assert trained.scorer.score(encode(row, contract.inputs))[0] >= contract.threshold


def test_the_threshold_is_chosen_inside_the_training_window_and_respects_the_delay(
    trained: Trained, transactions: Path
) -> None:
    data = read_data(str(transactions), read_dataset("simulated"))
    window = split_by_time(data.frame, data.dataset, test_share=0.3).train
    inside = split_by_time(window, data.dataset, test_share=0.25)
    recipe = Recipe("random_forest", MODELS["random_forest"].defaults, 3)

    validated = validate(data, recipe, inside, describe_inputs(data, window))

    assert window["time"].max() == datetime(2026, 2, 5, 7, 5, 10)
    assert trained.contract.threshold == pytest.approx(validated.threshold, rel=1e-5)
    measured = trained.run.data.metrics["validation_average_precision"]
    assert measured == pytest.approx(validated.detection["average_precision"], rel=1e-5)


def test_a_run_registers_one_candidate_and_prints_the_next_command(
    lasting_world: World, trained: Trained
) -> None:
    version = lasting_world.client.get_model_version(CANDIDATES, str(trained.version))

    assert version.run_id == trained.run.info.run_id
    last = trained.finished.output.splitlines()[-1]
    assert last == (
        f"candidate {trained.version} is registered; "
        f"next: python -m registry stage {trained.version}"
    )


@pytest.fixture(scope="module")
def searched(lasting_world: World, trained: Trained, transactions: Path) -> tuple[Finished, Run]:
    """A run with a search, which registers nothing."""
    arguments = ("--model", "logistic_regression", "--trials", "2", "--register", "false")
    finished = training(lasting_world.server.uri, "train", "--data", str(transactions), *arguments)
    assert finished.code == 0, finished.errors
    return finished, newest_run(lasting_world.client)


def trials_of(client: MlflowClient, run: Run) -> list[Run]:
    """The child runs of a search, oldest first."""
    return list(
        client.search_runs(
            [run.info.experiment_id],
            f"tags.`mlflow.parentRunId` = '{run.info.run_id}'",
            order_by=["attributes.start_time ASC"],
        )
    )


def test_a_search_leaves_a_child_run_for_each_trial_and_without_register_no_candidate(
    lasting_world: World, searched: tuple[Finished, Run]
) -> None:
    client = lasting_world.client
    finished, run = searched
    children = trials_of(client, run)
    assert [child.info.run_name for child in children] == ["trial-0", "trial-1"]
    assert [child.info.status for child in children] == ["FINISHED", "FINISHED"]
    assert children[0].data.params == {"C": "1.0"}
    precisions = [child.data.metrics["search_average_precision"] for child in children]
    best = children[precisions.index(max(precisions))]
    assert run.data.tags["best_trial"] == best.info.run_name
    assert run.data.params["logistic_regression.C"] == best.data.params["C"]
    assert run.data.metrics["search_average_precision"] == max(precisions)
    folds = client.get_metric_history(best.info.run_id, "fold_average_precision")
    assert [fold.step for fold in folds] == [0, 1, 2]
    mean = np.mean([fold.value for fold in folds])
    assert best.data.metrics["search_average_precision"] == pytest.approx(mean)
    assert client.search_model_versions(f"run_id='{run.info.run_id}'") == []
    assert "is registered" not in finished.output


def documented(page: str, heading: str) -> set[str]:
    """The names in the first column of the table under a heading; `…` is any text."""
    _, _, section = page.partition(f"\n## {heading}\n")
    rows = re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall("`(.+?)`", row)}


def test_the_page_about_the_ui_has_all_names_that_training_writes_and_no_others(
    lasting_world: World, trained: Trained, searched: tuple[Finished, Run]
) -> None:
    client = lasting_world.client
    run = searched[1]
    runs = [trained.run, run]
    every = [*runs, *trials_of(client, run)]
    candidate = client.get_model_version(CANDIDATES, str(trained.version))
    models = {f"{name}.{one}" for name, model in MODELS.items() for one in model.defaults}
    written = {
        "Tags of a run": {FAILURE_TAG, *(name for one in every for name in one.data.tags)},
        "Parameters": {*models, *(name for one in runs for name in one.data.params)},
        "Metrics": {name for one in every for name in one.data.metrics},
        "Tags of a candidate": {LEDGER_VERSION_TAG, *candidate.tags},
    }
    page = (REPOSITORY / "docs" / "mlflow-ui.md").read_text()
    for heading, names in written.items():
        patterns = {
            pattern: re.escape(pattern).replace("…", ".+") for pattern in documented(page, heading)
        }
        for name in names:
            assert any(re.fullmatch(one, name) for one in patterns.values()), f"{name}: {heading}"
        for pattern, one in patterns.items():
            assert any(re.fullmatch(one, name) for name in names), f"{pattern}: {heading}"


def test_the_page_about_the_ui_advises_the_columns_of_its_picture() -> None:
    page = (REPOSITORY / "docs" / "mlflow-ui.md").read_text()
    advice = page[page.index("Under *Columns*") : page.index("Switch off")]
    always = {"Run Name", "runDateAndNestInfo"}
    shown = {name.split("`")[1] if "`" in name else name for name in COLUMNS}
    assert set(re.findall("`(.+?)`", advice)) == shown - always


def predict(served: ServedModel, **transaction: Any) -> tuple[float, str]:
    _, probability = served.score(served.reader.read(json.dumps(transaction).encode()))
    return probability, served.decide(probability)


def test_own_data_with_categories_and_gaps_reaches_an_answer_without_any_code(
    own_ledger: World, tmp_path: Path
) -> None:
    world = own_ledger
    data, dataset = own_data.write(tmp_path)
    arguments = ("--data", str(data), "--dataset", str(dataset))

    finished = training(world.server.uri, "train", *arguments)
    assert finished.code == 0, finished.errors
    version = candidates(world.client)[-1]
    write_evaluation_rows(str(data), str(dataset), world.rows)
    policy = write_policy(tmp_path, average_precision=0.1)
    reference, evidence = world.evaluate(version, policy)
    assert [str(verdict) for verdict in evidence.blocking] == []
    world.promote(reference, policy=policy)

    contract = open_model(fetch(world.client, version)).contract
    by_name = {each.name: each for each in contract.inputs}
    assert by_name["mcc"].categories == ("0742", "5411", "5812")
    assert by_name["country"].nullable
    assert by_name["distance_km"].nullable
    assert not by_name["eur"].nullable
    payment = {
        "eur": 120.0,
        "distance_km": 45.0,
        "mcc": "0742",
        "country": "DE",
        "card_count_1d": 1.0,
        "card_mean_amount_1d": 120.0,
        "card_count_7d": 4.0,
        "card_mean_amount_7d": 60.0,
    }
    assert sorted(payment) == sorted(contract.names)
    served = served_head(world, tmp_path / "cache", FRAUD_FEATURES="client")
    fraud, decision = predict(served, **payment)
    assert fraud > 0.5
    assert decision == "review"
    harmless, decision = predict(served, **{**payment, "mcc": "5411", "distance_km": None})
    assert harmless < 0.1
    assert decision == "approve"
    unknown = predict(served, **{**payment, "mcc": "9999", "country": None})
    assert 0 <= unknown[0] <= 1
    held_out = pl.read_parquet(world.rows)
    frauds = held_out.filter(pl.col("_label") == 1).select(contract.names).to_dicts()
    assert len(frauds) > 20
    for row in frauds[:20]:
        offline = served.scorer.score(served.scorer.encode([row[name] for name in contract.names]))
        assert predict(served, **row)[0] == float(offline[0])


def test_a_model_that_the_gates_would_refuse_for_its_size_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_if_too_large(100_000_000)
    assert capsys.readouterr().err == ""
    warn_if_too_large(140_000_000)
    assert capsys.readouterr().err == (
        "warning: the model has 140 MB, and the gate `integrity` refuses more than 100 MB unless "
        "the policy raises max_model_bytes; fewer or smaller trees make it smaller\n"
    )


def test_a_fit_on_a_sample_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    dataset = read_dataset("simulated")
    warn_if_sampled(10_000_000, dataset)
    assert capsys.readouterr().err == ""
    warn_if_sampled(45_000_000, dataset)
    assert capsys.readouterr().err == (
        "warning: the model is fitted on 10,000,000 of 45,000,000 training rows, drawn at random; "
        "everything else is computed from all rows; `max_fit_rows` in the data-set file allows "
        "more, at 270 bytes of memory a row\n"
    )


def test_intervals_of_a_handful_of_frauds_are_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    warn_if_few_frauds(30, 9_000)
    assert capsys.readouterr().err == ""
    warn_if_few_frauds(3, 90)
    assert capsys.readouterr().err == (
        "warning: the test days have 3 frauds in 90 rows, and the intervals below are too narrow: "
        "even a recall of 100.0% may be one of 29.2% on other days; use more data, or a larger "
        "`test_share`\n"
    )

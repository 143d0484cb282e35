"""The command line: bad input, an interrupted run, and what both leave in MLflow."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from deploy.local.processes import free_port
from registry.evaluation.rows import read_rows
from tests.places import REPOSITORY
from tests.training import own_data
from tests.training.commands import (
    Finished,
    candidates,
    environment_of,
    newest_run,
    process,
    training,
)
from tests.world import World


def missing_column(folder: Path, transactions: Path) -> list[str]:
    path = folder / "short.parquet"
    pl.read_parquet(transactions).drop("amount").write_parquet(path)
    return ["--data", str(path)]


def other_labels(folder: Path, transactions: Path) -> list[str]:
    path = folder / "labels.parquet"
    pl.read_parquet(transactions).with_columns(pl.col("fraud") + 1).write_parquet(path)
    return ["--data", str(path)]


def no_fraud(folder: Path, transactions: Path) -> list[str]:
    path = folder / "honest.parquet"
    pl.read_parquet(transactions).with_columns(fraud=pl.lit(0)).write_parquet(path)
    return ["--data", str(path)]


def no_fraud_to_fit_on(folder: Path, transactions: Path) -> list[str]:
    path = folder / "late.parquet"
    frame = pl.read_parquet(transactions)
    early = pl.col("transaction_id") < 8000
    frame.with_columns(pl.when(early).then(0).otherwise("fraud").alias("fraud")).write_parquet(path)
    return ["--data", str(path)]


def own_yaml_with_an_unknown_key(folder: Path, transactions: Path) -> list[str]:
    text = (REPOSITORY / "training" / "datasets" / "simulated.yaml").read_text()
    (folder / "own.yaml").write_text(text + "delay: 7\n")
    return ["--data", str(transactions), "--dataset", str(folder / "own.yaml")]


def own_yaml_with_another_purpose(folder: Path, transactions: Path) -> list[str]:
    text = (REPOSITORY / "training" / "datasets" / "simulated.yaml").read_text()
    (folder / "own.yaml").write_text(text + "threshold_for: fun\n")
    return ["--data", str(transactions), "--dataset", str(folder / "own.yaml")]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing_column, "the data has no column 'amount', which the data-set file requires"),
        (other_labels, "column 'fraud': '2' in row "),
        (no_fraud, "the train part of the split contains no fraud"),
        (no_fraud_to_fit_on, "the fitting part of the split contains no fraud"),
        (own_yaml_with_an_unknown_key, "own.yaml: delay: unknown key; did you mean `delay_days`?"),
        (own_yaml_with_another_purpose, "own.yaml: threshold_for: Input should be 'budget' or"),
        (lambda folder, _: ["--data", str(folder / "no.parquet")], "no data at "),
        (lambda *_: ["--dataset", "nobody"], "no data-set file 'nobody': use one of creditcard"),
        (lambda *_: ["--model", "crystal_ball"], "parameter `model`: Input should be 'hist_"),
        (lambda *_: ["--trials", "many"], "parameter `trials`: Input should be a valid integer"),
        (lambda *_: ["--trials", "-1"], "parameter `trials`: Input should be greater than or"),
        (lambda *_: ["--seed", "0.5"], "parameter `seed`: Input should be a valid integer"),
        (lambda *_: ["--register", "perhaps"], "parameter `register`: Input should be a valid"),
    ],
)
def test_bad_input_ends_in_one_line_and_a_failed_run_with_the_reason(
    lasting_world: World,
    tmp_path: Path,
    transactions: Path,
    make: Callable[[Path, Path], list[str]],
    message: str,
) -> None:
    client = lasting_world.client
    before = candidates(client)

    finished = training(lasting_world.server.uri, "train", *make(tmp_path, transactions))

    assert finished.code == 2
    [line] = finished.error_lines
    assert line.startswith(f"error: {message}")
    assert finished.errors.splitlines()[-1] == line
    assert "Traceback" not in finished.errors
    assert "computing" not in finished.errors  # features: they take longest
    run = newest_run(client)
    assert run.info.status == "FAILED"
    assert f"error: {run.data.tags['failure']}" == line
    assert candidates(client) == before


def test_a_process_with_bad_input_ends_with_code_2_and_no_traceback(
    lasting_world: World, tmp_path: Path
) -> None:
    (tmp_path / "text.parquet").write_text("when,amount,fraud\n")
    command = [sys.executable, "-m", "training", "train", "--data", str(tmp_path / "text.parquet")]

    finished = process(command, environment_of(lasting_world.server.uri))

    assert finished.code == 2
    assert len(finished.error_lines) == 1
    assert finished.error_lines[0].startswith("error: text.parquet cannot be read as Parquet: ")
    assert "Traceback" not in finished.errors
    assert finished.output == ""


def test_waiting_openmp_threads_do_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    environment = environment_of("", OMP_DISPLAY_ENV="verbose")

    finished = process([sys.executable, "-m", "training", "--help"], environment)

    assert "GOMP_SPINCOUNT = '0'" in finished.errors


def stopped_after_a_trial(uri: str, transactions: Path, number: signal.Signals) -> Finished:
    """A training run with a long search that receives a signal after its first trial."""
    arguments = ["--data", str(transactions), "--model", "logistic_regression", "--trials", "9999"]
    with subprocess.Popen(
        [sys.executable, "-m", "training", "train", *arguments],
        cwd=REPOSITORY,
        env=environment_of(uri),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        first_trial = next(line for line in running.stdout if "trial 1/9999" in line)
        running.send_signal(number)
        output, errors = running.communicate(timeout=60)
    return Finished(running.returncode, first_trial + output, errors)


def test_a_run_that_is_terminated_is_failed_with_the_reason(
    lasting_world: World, transactions: Path
) -> None:
    client = lasting_world.client
    before = candidates(client)

    finished = stopped_after_a_trial(lasting_world.server.uri, transactions, signal.SIGTERM)

    assert finished.code == 1
    assert "stopped by SIGTERM" in finished.errors
    assert "Traceback" not in finished.errors
    run = newest_run(client)
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == "stopped by SIGTERM"
    assert run.data.params["trials"] == "9999"
    assert candidates(client) == before


def test_ctrl_c_in_a_search_registers_the_best_so_far(
    lasting_world: World, transactions: Path
) -> None:
    client = lasting_world.client
    before = candidates(client)

    finished = stopped_after_a_trial(lasting_world.server.uri, transactions, signal.SIGINT)

    assert finished.code == 0, finished.errors
    run = newest_run(client)
    assert run.info.status == "FINISHED"
    assert run.data.tags["best_trial"].startswith("trial-")
    assert len(candidates(client)) == len(before) + 1


def test_a_tracking_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    port = free_port()
    finished = training(f"http://127.0.0.1:{port}", "train")

    assert finished.code == 2
    assert finished.error_lines == [
        f"error: the tracking server: no tracking server at 127.0.0.1:{port} answers "
        "/api/2.0/mlflow/experiments/get-by-name (Connection refused); `make server` starts one"
    ]
    assert "Traceback" not in finished.errors


def test_rows_are_written_and_counted(
    lasting_world: World, transactions: Path, tmp_path: Path
) -> None:
    path = tmp_path / "rows.parquet"

    finished = training(lasting_world.server.uri, "rows", str(path), "--data", str(transactions))

    assert finished.code == 0
    assert finished.output == f"5,564 rows in {path}\n"
    assert len(read_rows(path).labelled.labels) == 5564


@pytest.mark.parametrize("command", ["rows", "evaluate"])
def test_bad_data_ends_the_other_commands_in_one_line_too(
    lasting_world: World, tmp_path: Path, command: str
) -> None:
    arguments = [str(tmp_path / "rows.parquet")] if command == "rows" else []

    finished = training(
        lasting_world.server.uri, command, *arguments, "--data", str(tmp_path / "none.csv")
    )

    assert finished.code == 2
    [line] = finished.error_lines
    assert line.startswith(f"error: no data at {tmp_path}/none.csv; pass a Parquet or CSV file")
    assert "Traceback" not in finished.errors


def test_describe_data_shows_the_columns_and_writes_a_file_for_the_next_command(
    tmp_path: Path,
) -> None:
    data, _ = own_data.write(tmp_path)

    finished = training("", "describe-data", str(data), folder=tmp_path)
    again = training("", "describe-data", str(data), "--output", "payments.yaml", folder=tmp_path)
    other = training("", "describe-data", str(data), "--output", "b.yaml", folder=tmp_path)

    assert finished.code == 2  # the file of `own_data` is there
    assert again.error_lines == finished.error_lines
    assert finished.error_lines == [
        "error: payments.yaml exists: delete it, or pass another name by --output"
    ]
    assert other.code == 0, other.errors
    assert other.output.splitlines()[0].split() == [
        *("column", "type", "missing", "distinct", "role", "values")
    ]
    assert other.output.splitlines()[-1] == f"mlflow run . -P data={data} -P dataset=b.yaml"
    assert "# label: is_fraud" in (tmp_path / "b.yaml").read_text()


def test_rows_without_an_entity_are_reported(tmp_path: Path, transactions: Path) -> None:
    frame = pl.read_parquet(transactions)
    some = pl.col("transaction_id") % 1000 == 0
    path = tmp_path / "gaps.parquet"
    frame.with_columns(pl.when(~some).then("customer_id").alias("customer_id")).write_parquet(path)

    finished = training("", "rows", str(tmp_path / "rows.parquet"), "--data", str(path))

    assert finished.code == 0, finished.errors
    assert (
        "warning: 19 of 18,545 rows have no 'customer_id': they get no history, and are not the "
        "same entity"
    ) in finished.errors.splitlines()

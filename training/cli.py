"""`python -m training`: the commands that the entry points of the MLproject call."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import mlflow
import typer
from mlflow.exceptions import MlflowException

from registry.errors import RegistryError
from registry.progress import step, warn
from registry.tracking.client import reason_of
from registry.tracking.names import FAILURE_TAG, TRAINING_EXPERIMENT
from registry.tracking.project_run import name_project_run
from training.data import local_path
from training.draft import describe, write_new
from training.errors import BadInput
from training.evaluation_rows import write_evaluation_rows
from training.models import MODELS
from training.run import train_candidate

MAX_TAG_LENGTH = 5000
USAGE_ERROR = 2
"""typer's exit code."""


class Ended(Exception):
    """A command that was run ended; its exit code is that of this process."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

DataOption = Annotated[
    str,
    typer.Option(
        help="Parquet or CSV file, a folder of either, its address in Blob Storage, or `simulated`."
    ),
]
DatasetOption = Annotated[
    str, typer.Option(help="Data-set file: the name of a shipped one, or a path.")
]


@app.command()
def train(
    data: DataOption = "simulated",
    dataset: DatasetOption = "simulated",
    model: Annotated[
        str, typer.Option(help=f"One of {', '.join(sorted(MODELS))}.")
    ] = "hist_gradient_boosting",
    trials: Annotated[
        str, typer.Option(help="Number of parameter sets to try; 0 uses the defaults.")
    ] = "0",
    seed: Annotated[str, typer.Option(help="Seed of the fits and the search.")] = "0",
    register: Annotated[str, typer.Option(help="Register the model as a candidate.")] = "true",
) -> None:
    """Train a model, evaluate it on the test days, and log and register it as a candidate.

    Example: python -m training train --data creditcard.parquet --dataset creditcard
    """
    raw = {
        "data": data,
        "dataset": dataset,
        "model": model,
        "trials": trials,
        "seed": seed,
        "register": register,
    }
    if "MLFLOW_TRACKING_URI" not in os.environ:
        warn(
            f"MLFLOW_TRACKING_URI is not set: this run goes to {mlflow.get_tracking_uri()}, from "
            "where nothing is promoted; `make server` starts a tracking server"
        )
    if "MLFLOW_RUN_ID" not in os.environ and "MLFLOW_EXPERIMENT_NAME" not in os.environ:
        mlflow.set_experiment(TRAINING_EXPERIMENT)
    with mlflow.start_run() as run:
        try:
            version = train_candidate(raw)
        except BaseException as error:
            reason = str(error) or type(error).__name__
            with suppress(MlflowException):  # if the server is what failed, report that
                mlflow.set_tag(FAILURE_TAG, reason[:MAX_TAG_LENGTH])
            raise
    print(f"  run {run.info.run_id}")
    if version is not None:
        print(f"candidate {version} is registered; next: python -m registry stage {version}")


@app.command()
def evaluate(
    data: DataOption = "simulated",
    dataset: DatasetOption = "simulated",
    candidate: Annotated[str, typer.Option(help="Version, or `staging`.")] = "staging",
    policy: Annotated[str, typer.Option(help="Policy file; by default the shipped one.")] = "",
) -> None:
    """Build evaluation rows from the given data and run `registry evaluate` on them.

    Example: python -m training evaluate --candidate 3
    """
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        path = Path(folder) / "rows.parquet"
        write_evaluation_rows(data, dataset, path)
        command = [sys.executable, "-m", "registry", "evaluate", candidate, "--rows", str(path)]
        if policy:
            command += ["--policy", policy]
        raise Ended(subprocess.run(command, check=False).returncode)


@app.command()
def rows(
    destination: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
    data: DataOption = "simulated",
    dataset: DatasetOption = "simulated",
) -> None:
    """Write the evaluation rows of a data set to a file.

    Example: python -m training rows rows.parquet --data creditcard.parquet --dataset creditcard
    """
    print(f"{write_evaluation_rows(data, dataset, destination):,} rows in {destination}")


@app.command()
def describe_data(
    data: Annotated[
        str,
        typer.Argument(
            help="Parquet or CSV file, a folder of such files, or its address in Blob Storage."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; by default NAME.yaml, here.")
    ] = None,
) -> None:
    """Look at data, print what it contains, and write a data-set file to start from.

    Example: python -m training describe-data payments.csv
    """
    with step(f"reading {data}"):
        local = local_path(data)
        draft = describe(local)
    path = output or Path(f"{local.name.split('.')[0]}.yaml")
    write_new(path, draft.yaml)
    print(f"{draft.table}\n\n{path} is written: check each line, and choose the label; next:")
    print(f"mlflow run . -P data={data} -P dataset={path}")


def _stop(number: int, _: FrameType | None) -> None:
    """Turn SIGTERM into an exception, so that the run ends FAILED with a reason."""
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def main() -> None:
    """Run the command line; bad input ends in one line on standard error and exit code 2."""
    signal.signal(signal.SIGTERM, _stop)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # skl2onnx 1.20 passes numpy integers to protobuf, once per tree; no user can change that.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnx")
    try:
        app()
    except SystemExit as ended:
        if ended.code == USAGE_ERROR:
            with suppress(MlflowException):
                name_project_run(mlflow.MlflowClient(), "usage error: nothing was run")
        raise
    except Ended as ended:
        raise SystemExit(ended.exit_code) from None
    except (BadInput, RegistryError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    except MlflowException as error:
        typer.echo(
            f"error: the tracking server: {reason_of(error)}; `make server` starts one", err=True
        )
        raise SystemExit(2) from None

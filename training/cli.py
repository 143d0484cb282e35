"""`python -m training`: what the entry points of the MLproject call."""

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
from registry.progress import step
from registry.tracking.names import FAILURE_TAG, TRAINING_EXPERIMENT
from training.errors import BadInput
from training.evaluation_rows import write_rows
from training.run import train as train_model

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def train(
    data: Annotated[str, typer.Option(help="Parquet, CSV, folder, or `simulated`.")] = "simulated",
    dataset: Annotated[str, typer.Option(help="Shipped name or path of a YAML.")] = "simulated",
    model: Annotated[str, typer.Option(help="Name of the model.")] = "hist_gradient_boosting",
    trials: Annotated[str, typer.Option(help="Parameter sets to try; 0 takes the defaults.")] = "0",
    seed: Annotated[str, typer.Option(help="Of the fit and the search.")] = "0",
    register: Annotated[str, typer.Option(help="Register a candidate at the end.")] = "true",
) -> None:
    """Train a model, judge it on the test days, log it, and register it as a candidate.

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
    if "MLFLOW_RUN_ID" not in os.environ and "MLFLOW_EXPERIMENT_NAME" not in os.environ:
        mlflow.set_experiment(TRAINING_EXPERIMENT)
    with mlflow.start_run() as run:
        try:
            version = train_model(raw)
        except BaseException as error:
            reason = str(error) or type(error).__name__
            with suppress(MlflowException):  # where the server is what failed, the reason stays
                mlflow.set_tag(FAILURE_TAG, reason[:5000])
            raise
    print(f"  run {run.info.run_id}")
    if version is not None:
        print(f"candidate {version} is registered; next: python -m registry stage {version}")


@app.command()
def evaluate(
    data: Annotated[str, typer.Option(help="Parquet, CSV, folder, or `simulated`.")] = "simulated",
    dataset: Annotated[str, typer.Option(help="Shipped name or path of a YAML.")] = "simulated",
    candidate: Annotated[str, typer.Option(help="Version, or `staging`.")] = "staging",
    policy: Annotated[str, typer.Option(help="Policy file. Default: the shipped one.")] = "",
) -> None:
    """Build the evaluation rows from data that you name and hand them to `registry evaluate`.

    Example: python -m training evaluate --candidate 3
    """
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        path = Path(folder) / "rows.parquet"
        with step(f"building evaluation rows from {data}"):
            write_rows(data, dataset, path)
        command = [sys.executable, "-m", "registry", "evaluate", candidate, "--rows", str(path)]
        if policy:
            command += ["--policy", policy]
        raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command()
def rows(
    destination: Annotated[Path, typer.Argument(help="The Parquet file to write.")],
    data: Annotated[str, typer.Option(help="Parquet, CSV, folder, or `simulated`.")] = "simulated",
    dataset: Annotated[str, typer.Option(help="Shipped name or path of a YAML.")] = "simulated",
) -> None:
    """Write the evaluation rows of a data set to a file.

    Example: python -m training rows rows.parquet --data creditcard.parquet --dataset creditcard
    """
    print(f"{write_rows(data, dataset, destination):,} rows in {destination}")


def _stop(number: int, _: FrameType | None) -> None:
    """Make SIGTERM an exception, so that the run ends FAILED and says why."""
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    signal.signal(signal.SIGTERM, _stop)
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # skl2onnx 1.20 hands numpy integers to protobuf, once for each tree; nothing a user can mend.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnx")
    try:
        app()
    except (BadInput, RegistryError) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    except MlflowException as error:
        reason = (str(error).splitlines() or ["no answer"])[0][:300]
        typer.echo(f"error: the tracking server: {reason}", err=True)
        raise SystemExit(2) from None

"""One training run, from parameters to a registered candidate."""

from __future__ import annotations

from typing import Literal

import mlflow
import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from registry.contract import Input
from registry.metrics import detection
from registry.pictures import precision_recall, score_distribution
from registry.progress import step
from registry.scorer import Scorer
from training import track
from training.convert import convert
from training.data import Data, read_data
from training.dataset import read_dataset
from training.describe import describe_inputs, write_contract
from training.errors import BadInput
from training.fit import Recipe, Validated, day_numbers, encode, search, validate
from training.models import MODELS
from training.split import Split, split_by_time

VALIDATION_SHARE = 0.25
"""Of the training window: its last quarter, where the threshold and the parameters are chosen."""


class Parameters(BaseModel):
    """The parameters of the `main` entry point, as text from the command line or as values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    dataset: str
    model: Literal["hist_gradient_boosting", "logistic_regression", "random_forest"]
    trials: NonNegativeInt
    seed: int = Field(ge=0, lt=2**32)
    register_candidate: bool = Field(alias="register")


def train(raw: dict[str, str]) -> int | None:
    """Train, judge on the test days and log; register and return the candidate's version.

    Runs inside an active MLflow run. Raises BadInput for a parameter, a data-set file or data
    that is not what it must be; then nothing is registered.
    """
    try:
        parameters = Parameters.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadInput(f"parameter `{first['loc'][0]}`: {first['msg']}") from error
    mlflow.log_params(raw)
    track.log_origin()
    dataset = read_dataset(parameters.dataset)
    with step(f"reading {parameters.data} and computing {len(dataset.history)} history features"):
        data = read_data(parameters.data, dataset)
        track.log_data(data)
    split = split_by_time(
        data.frame,
        time=dataset.time.column,
        label=dataset.label,
        delay_days=dataset.delay_days,
        test_share=dataset.test_share,
    )
    print(f"  train: {_about(data, split.train)}\n  test:  {_about(data, split.test)}")
    inputs = describe_inputs(data, split.train)
    chosen = _choose(data, parameters, split.train, inputs)
    return _finish(data, parameters, split, inputs, chosen)


def _about(data: Data, part: pl.DataFrame) -> str:
    times = part[data.dataset.time.column]
    frauds = int(data.labels(part).sum())
    return f"{times[0]} to {times[-1]}, {len(part):,} transactions, {frauds:,} frauds"


def _choose(
    data: Data, parameters: Parameters, train: pl.DataFrame, inputs: tuple[Input, ...]
) -> Validated:
    """The parameters to fit with, and the threshold, both chosen inside the training window."""
    dataset = data.dataset
    split = split_by_time(
        train,
        time=dataset.time.column,
        label=dataset.label,
        delay_days=dataset.delay_days,
        test_share=VALIDATION_SHARE,
        names=("fitting", "validation"),
    )
    recipe = Recipe(parameters.model, MODELS[parameters.model].defaults, parameters.seed)
    if parameters.trials == 0:
        with step(
            f"choosing the threshold of {parameters.model} on {len(split.test):,} later rows"
        ):
            return validate(data, recipe, split, inputs)

    def on_trial(number: int, one: Validated) -> None:
        average_precision = one.detection.average_precision
        print(f"  trial {number + 1}/{parameters.trials}: {average_precision:.4f}", flush=True)
        with mlflow.start_run(run_name=f"trial-{number}", nested=True):
            mlflow.log_params(dict(one.recipe.parameters))
            track.log_detection(one.detection, "validation_")

    return search(data, recipe, parameters.trials, split, inputs, on_trial)


def _finish(
    data: Data,
    parameters: Parameters,
    split: Split,
    inputs: tuple[Input, ...],
    chosen: Validated,
) -> int | None:
    """Fit on the whole training window, convert, measure the converted bytes, log, register."""
    mlflow.log_params({f"{parameters.model}.{k}": v for k, v in chosen.recipe.parameters.items()})
    track.log_detection(chosen.detection, "validation_")
    with step(f"fitting {parameters.model} on {len(split.train):,} rows"):
        pipeline = chosen.recipe.fit(data, split.train, inputs)
    method = (
        f"lowest threshold that keeps validation alerts within "
        f"{data.dataset.alert_budget_per_day} a day; chosen before the final fit"
    )
    contract = write_contract(
        data, parameters.dataset, split.train, inputs, chosen.threshold, method
    )
    with step("converting to ONNX and measuring on the test days"):
        model = convert(pipeline, len(inputs))
        rows, labels = encode(split.test, inputs), data.labels(split.test)
        scores = Scorer(model.SerializeToString(), contract).score(rows)
        measured = detection(
            labels, scores, day_numbers(data, split.test), data.dataset.alert_budget_per_day
        )
        track.log_detection(measured)
        mlflow.log_metric("threshold", contract.threshold)
    with step("logging pictures, parity rows and the model"):
        mlflow.log_figure(
            precision_recall(labels, {parameters.model: scores}), "plots/precision_recall.png"
        )
        mlflow.log_figure(
            score_distribution(labels, scores, contract.threshold), "plots/score_distribution.png"
        )
        sample = np.random.default_rng(parameters.seed).permutation(len(rows))[: track.PARITY_ROWS]
        track.log_parity_rows(
            split.test[sample], contract.names, pipeline.predict_proba(rows[sample])[:, 1]
        )
        model_id = track.log_model(model, contract)
    print(
        f"  average precision {measured.average_precision:.4f}, ROC AUC {measured.roc_auc:.4f}; at "
        f"{data.dataset.alert_budget_per_day} alerts a day: precision "
        f"{measured.budget_precision:.3f}, recall {measured.budget_recall:.3f}"
    )
    return track.register(model_id) if parameters.register_candidate else None

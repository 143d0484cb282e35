"""One training run, from parameters to a registered candidate."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Annotated

import mlflow
import numpy as np
import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from registry.errors import first_error
from registry.evaluation.measures import MEASURES
from registry.model.contract import Input
from registry.model.scorer import Scorer
from registry.progress import step
from registry.report.numbers import quantity
from registry.tracking.names import AUTHORS_TAG, GIT_COMMIT_TAG
from training import model_card, track
from training.assess import Assessment, assess
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.data import Data, read_data
from training.dataset import Dataset, read_dataset
from training.errors import BadInput
from training.fit import Recipe, Validated, encode, validate
from training.models import MODELS, known_model
from training.search import Trial, search
from training.split import Split, prequential_folds, split_by_time, split_data
from training.threshold import threshold_method

VALIDATION_SHARE = 0.25
"""Of the training window: its last quarter, where the threshold is chosen."""

FOLDS, FOLDS_SHARE = 3, 0.45
"""Of the training window: how much of it the folds of a search are tested on, and in how many."""


class Parameters(BaseModel):
    """The parameters of the `main` entry point, as text from the command line or as values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    dataset: str
    model: Annotated[str, AfterValidator(known_model)]
    trials: NonNegativeInt
    seed: int = Field(ge=0, lt=2**32)
    register_candidate: bool = Field(alias="register")


def train_candidate(raw: dict[str, str]) -> int | None:
    """Train, judge on the test days and log; register and return the candidate's version.

    Runs inside an active MLflow run. Raises BadInput for a parameter, a data-set file or data
    that is not what it must be; then nothing is registered.
    """
    try:
        parameters = Parameters.model_validate(raw)
    except ValidationError as error:
        first = first_error(error)
        raise BadInput(f"parameter `{first.field}`: {first.message}") from error
    mlflow.log_params(raw)
    origin = track.log_origin()
    dataset = read_dataset(parameters.dataset)
    with step(f"reading {parameters.data} and computing {len(dataset.history)} history features"):
        data = read_data(parameters.data, dataset)
        track.log_data(data)
    split = split_data(data.frame, dataset)
    print(f"  train: {_about(data, split.train)}\n  test:  {_about(data, split.test)}")
    inputs = describe_inputs(data, split.train)
    chosen = _choose(data, parameters, split.train, inputs)
    return _finish(data, parameters, split, inputs, chosen, origin)


def _about(data: Data, part: pl.DataFrame) -> str:
    times = part[data.dataset.time.column]
    frauds = int(data.labels(part).sum())
    return f"{times[0]} to {times[-1]}, {len(part):,} transactions, {frauds:,} frauds"


def _choose(
    data: Data, parameters: Parameters, train: pl.DataFrame, inputs: tuple[Input, ...]
) -> Validated:
    """The parameters to fit with, and the threshold, both chosen inside the training window."""
    recipe = Recipe(parameters.model, MODELS[parameters.model].defaults, parameters.seed)
    if parameters.trials:
        recipe = _search(data, recipe, parameters.trials, train, inputs)
    names = ("fitting", "validation")
    split = split_by_time(train, data.dataset, test_share=VALIDATION_SHARE, names=names)
    with step(f"choosing the threshold of {parameters.model} on {len(split.test):,} later rows"):
        chosen = validate(data, recipe, split, inputs)
    mlflow.set_tag("calibration", str(chosen.recipe.sigmoid or "none: it would not help"))
    return chosen


def search_folds(dataset: Dataset, train: pl.DataFrame) -> tuple[Split, ...]:
    """The rolling folds that a search is judged by, all inside the training window."""
    return prequential_folds(train, dataset, folds=FOLDS, share=FOLDS_SHARE)


def _search(
    data: Data, recipe: Recipe, trials: int, train: pl.DataFrame, inputs: tuple[Input, ...]
) -> Recipe:
    """The best of some trials over rolling folds; each is a child run, the parent has the best."""
    folds = search_folds(data.dataset, train)

    def on_trial(trial: Trial) -> None:
        each = ", ".join(f"{one['average_precision']:.4f}" for one in trial.folds)
        mean = trial.mean["average_precision"]
        print(f"  trial {trial.number + 1}/{trials}: {mean:.4f} (folds {each})", flush=True)
        with mlflow.start_run(run_name=f"trial-{trial.number}", nested=True):
            mlflow.log_params(dict(trial.recipe.parameters))
            for number, one in enumerate(trial.folds):
                track.log_detection(one, "fold_", step=number)
            track.log_detection(trial.mean, "search_")

    best = search(data, recipe, trials, folds, inputs, on_trial)
    track.log_detection(best.mean, "search_")
    mlflow.set_tag("best_trial", f"trial-{best.number}")
    return best.recipe


def _finish(
    data: Data,
    parameters: Parameters,
    split: Split,
    inputs: tuple[Input, ...],
    chosen: Validated,
    origin: Mapping[str, str],
) -> int | None:
    """Fit on the whole training window, convert, assess the converted bytes, log, register."""
    mlflow.log_params({f"{parameters.model}.{k}": v for k, v in chosen.recipe.parameters.items()})
    track.log_detection(chosen.detection, "validation_")
    with step(f"fitting {parameters.model} on {len(split.train):,} rows"):
        pipeline = chosen.recipe.fit(data, split.train, inputs)
    method = threshold_method(data.dataset)
    contract = write_contract(
        data, parameters.dataset, split.train, inputs, chosen.threshold, method
    )
    with step("converting to ONNX"):
        model = convert(pipeline, len(inputs))
        scorer = Scorer(model.SerializeToString(), contract)
    with step(f"measuring on {len(split.test):,} rows of the test days"):
        found = assess(data, split.test, scorer, parameters.seed)
        track.log_estimates(found.estimates)
        mlflow.log_metric("threshold", contract.threshold)
    with step("drawing pictures, writing the model card and logging the model"):
        sample = np.random.default_rng(parameters.seed).permutation(len(split.test))
        rows = split.test[sample[: track.PARITY_ROWS]]
        probability = pipeline.predict_proba(encode(rows, inputs))[:, 1]
        page = model_card.build(data, split, contract, found, _facts(chosen.recipe, origin))
        with tempfile.TemporaryDirectory(prefix="run-") as temporary:
            model_card.write(Path(temporary), page, found)
            track.write_parity_rows(Path(temporary), rows, contract.names, probability)
            mlflow.log_artifacts(temporary)
        model_id = track.log_model(model, contract)
    _print_measures(found)
    return track.register(model_id) if parameters.register_candidate else None


def _facts(recipe: Recipe, origin: Mapping[str, str]) -> dict[str, str]:
    """What the model card says of the run."""
    run = mlflow.active_run()
    return {
        "model": recipe.model,
        "parameters": ", ".join(f"{name} {value}" for name, value in recipe.parameters.items()),
        "calibration": str(recipe.sigmoid or "none"),
        "run": run.info.run_id if run else "",
        "commit": origin[GIT_COMMIT_TAG],
        "authors": origin[AUTHORS_TAG],
    }


def _print_measures(found: Assessment) -> None:
    for name in ("average_precision", "budget_precision", "budget_recall"):
        measure = MEASURES[name]
        value, lower, upper = (
            quantity(end, measure.unit) for end in astuple(found.estimates[name])
        )
        label = measure.label.format(budget=f"{found.costs.budget_per_day:,}")
        print(f"  {label}: {value} ({lower} to {upper})")

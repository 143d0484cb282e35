"""One training run, from parameters to a registered candidate."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import mlflow
import numpy as np
import polars as pl
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from registry.cli.options import policy_path
from registry.errors import first_error
from registry.evaluation.model_files import MAX_MODEL_BYTES
from registry.evaluation.policy import read_policy
from registry.model.contract import Contract, Input
from registry.model.scorer import Scorer
from registry.progress import step, warn
from registry.tracking.names import ATTESTATION_FILE, AUTHORS_TAG, DATA_TAG, GIT_COMMIT_TAG
from training import model_card, notes, outlook, track
from training.assess import Assessment, assess
from training.attest import Ran, attest, training_signer
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.data import Data, labelled, read_transactions, with_features
from training.dataset import Dataset, dataset_file, read_dataset
from training.errors import BadInput
from training.example import with_example
from training.fit import Recipe, ValidatedRecipe, encode, validate
from training.models import MODELS, known_model
from training.search import Trial, search
from training.split import Split, prequential_folds, split_by_time, split_data
from training.threshold import threshold_method

VALIDATION_SHARE = 0.25
"""Last share of the training window, on which calibration and threshold are chosen."""

FOLDS, FOLDS_SHARE = 3, 0.45
"""Number of folds of a search, and the last share of the training window that they test on."""

MIN_TEST_FRAUDS = 30

PRINTED_MEASURES = ("average_precision", "budget_precision", "budget_recall")


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
    """Train, evaluate on the test days and log; register a candidate and return its version.

    Runs inside an active MLflow run. Raises BadInput for an invalid parameter, data-set file or
    data; then nothing is registered.
    """
    try:
        parameters = Parameters.model_validate(raw)
    except ValidationError as error:
        first = first_error(error)
        raise BadInput(f"parameter `{first.field}`: {first.message}") from error
    notes.name_run(parameters.model, parameters.trials)
    signer = training_signer(os.environ)
    started_at = datetime.now(UTC).replace(microsecond=0)
    mlflow.log_params(raw)
    dataset = read_dataset(parameters.dataset)
    uncommitted = track.CHECKOUT.uncommitted(dataset_file(parameters.dataset))
    origin = track.log_origin(uncommitted)
    policy = read_policy(policy_path())  # as `evaluate` will, unless it is given another
    for refusal in outlook.refusals(
        policy, track.CHECKOUT, origin, uncommitted, attested=signer is not None
    ):
        warn(f"the policy {policy.name} will refuse this candidate, {refusal}")
    with step(f"reading {parameters.data}"):
        transactions = read_transactions(parameters.data, dataset)
    for note in transactions.notes:
        warn(note)
    check_splits(transactions, parameters.trials)
    with step(f"computing {len(dataset.history)} history features"):
        data = with_features(transactions)
        del transactions  # one table in memory, not two
        track.log_data(data)
    split = split_data(data.frame, dataset)
    print(f"  train: {_summary(data, split.train)}\n  test:  {_summary(data, split.test)}")
    budget = outlook.budget_in_words(policy, dataset)
    print(f"  alert budget: {budget}")
    warn_if_few_frauds(int(data.labels(split.test).sum()), len(split.test))
    warn_if_sampled(len(split.train), dataset)
    inputs = describe_inputs(data, split.train)
    validated = _choose_recipe(data, parameters, split.train, inputs)
    facts = _facts(validated.recipe, origin, budget)
    model_id, contract, assessment = _finish(data, parameters, split, inputs, validated, facts)
    files = track.logged_files(model_id)
    if signer is not None:
        ran = Ran(raw, parameters.dataset, {**origin, DATA_TAG: data.sha256}, started_at)
        mlflow.log_text(attest(signer, files, contract, ran), ATTESTATION_FILE)
    value = assessment.estimates["average_precision"].value
    notes.name_run(parameters.model, parameters.trials, value)
    description = notes.describe_run(contract, assessment, facts)
    if not parameters.register_candidate:
        return None
    tags = notes.candidate_tags(contract, assessment)
    return track.register(model_id, files, tags, description)


def check_splits(transactions: Data, trials: int) -> None:
    """Raise BadInput, before features are computed, for splits that no model can be made from."""
    dataset = transactions.dataset
    train = split_data(labelled(transactions.frame, dataset), dataset).train
    _validation_split(dataset, train)
    if trials:
        search_folds(dataset, train)


def _validation_split(dataset: Dataset, train: pl.DataFrame) -> Split:
    names = ("fitting", "validation")
    return split_by_time(train, dataset, test_share=VALIDATION_SHARE, names=names)


def warn_if_few_frauds(frauds: int, rows: int) -> None:
    """Warn where the intervals of measures are too narrow: resampling knows only what it has seen.

    Method: Clopper and Pearson (1934), the exact lower bound of n successes in n trials.
    """
    if frauds < MIN_TEST_FRAUDS:
        lowest = 0.025 ** (1 / frauds)
        warn(
            f"the test days have {frauds} frauds in {rows:,} rows, and the intervals below are too "
            f"narrow: even a recall of 100.0% may be one of {lowest:.1%} on other days; use more "
            "data, or a larger `test_share`"
        )


def warn_if_sampled(train_rows: int, dataset: Dataset) -> None:
    """Warn where the model is fitted on a sample of the training rows."""
    if train_rows > dataset.max_fit_rows:
        warn(
            f"the model is fitted on {dataset.max_fit_rows:,} of {train_rows:,} training rows, "
            "drawn at random; everything else is computed from all rows; `max_fit_rows` in the "
            "data-set file allows more, at 270 bytes of memory a row"
        )


def _summary(data: Data, part: pl.DataFrame) -> str:
    times = part[data.dataset.time.column]
    frauds = int(data.labels(part).sum())
    return f"{times[0]} to {times[-1]}, {len(part):,} transactions, {frauds:,} frauds"


def _choose_recipe(
    data: Data, parameters: Parameters, train: pl.DataFrame, inputs: tuple[Input, ...]
) -> ValidatedRecipe:
    """Choose model parameters, calibration and threshold, all inside the training window."""
    recipe = Recipe(parameters.model, MODELS[parameters.model].defaults, parameters.seed)
    if parameters.trials:
        recipe = _search(data, recipe, parameters.trials, train, inputs)
    split = _validation_split(data.dataset, train)
    with step(f"choosing the threshold of {parameters.model} on {len(split.test):,} later rows"):
        validated = validate(data, recipe, split, inputs)
    mlflow.set_tag("calibration", str(validated.recipe.sigmoid or "none: it would not help"))
    return validated


def search_folds(dataset: Dataset, train: pl.DataFrame) -> tuple[Split, ...]:
    """The rolling folds on which a search evaluates trials, all inside the training window."""
    return prequential_folds(train, dataset, folds=FOLDS, share=FOLDS_SHARE)


def _search(
    data: Data, recipe: Recipe, trials: int, train: pl.DataFrame, inputs: tuple[Input, ...]
) -> Recipe:
    """The best of some trials over rolling folds, each logged as a child run."""
    folds = search_folds(data.dataset, train)

    def on_trial(trial: Trial) -> None:
        by_fold = ", ".join(f"{fold['average_precision']:.4f}" for fold in trial.folds)
        mean = trial.mean["average_precision"]
        print(f"  trial {trial.number + 1}/{trials}: {mean:.4f} (folds {by_fold})", flush=True)
        with mlflow.start_run(run_name=f"trial-{trial.number}", nested=True):
            mlflow.log_params(dict(trial.recipe.parameters))
            for number, detection in enumerate(trial.folds):
                track.log_detection(detection, "fold_", step=number)
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
    validated: ValidatedRecipe,
    facts: Mapping[str, str],
) -> tuple[str, Contract, Assessment]:
    """Fit on the whole training window, convert to ONNX, assess the ONNX model and log it.

    Returns the id of the logged model, its contract, and what was measured.
    """
    recipe = validated.recipe
    mlflow.log_params({f"{recipe.model}.{k}": value for k, value in recipe.parameters.items()})
    track.log_detection(validated.detection, "validation_")
    rows = min(len(split.train), data.dataset.max_fit_rows)
    mlflow.log_metric("fitted_rows", rows)
    with step(f"fitting {recipe.model} on {rows:,} rows"):
        fitted = recipe.fit(data, split.train, inputs)
    method = threshold_method(data.dataset)
    contract = write_contract(
        data, parameters.dataset, split.train, inputs, validated.threshold, method
    )
    with step("converting to ONNX"):
        model = convert(fitted, len(inputs))
        content = model.SerializeToString()
        scorer = Scorer(content, contract)
    warn_if_too_large(len(content))
    with step(f"measuring on {len(split.test):,} rows of the test days"):
        assessment = assess(data, split.test, scorer, parameters.seed)
        track.log_estimates(assessment.estimates)
        mlflow.log_metric("threshold", contract.threshold)
        frauds = split.test.filter(pl.col(data.dataset.label) == 1)
        contract = with_example(contract, frauds, scorer)
    with step("drawing plots, writing the model card and logging the model"):
        sample = np.random.default_rng(parameters.seed).permutation(len(split.test))
        parity_rows = split.test[sample[: track.PARITY_ROWS]]
        probability = fitted.predict_proba(encode(parity_rows, inputs))[:, 1]
        card = model_card.build(data, split, contract, assessment, facts)
        with tempfile.TemporaryDirectory(prefix="run-") as temporary:
            model_card.write(Path(temporary), card, assessment)
            track.write_parity_rows(Path(temporary), parity_rows, contract.names, probability)
            mlflow.log_artifacts(temporary)
        model_id = track.log_model(model, contract)
    _print_measures(assessment)
    return model_id, contract, assessment


def warn_if_too_large(model_bytes: int) -> None:
    """Warn of a model that the gate `integrity` would refuse by its default."""
    if model_bytes > MAX_MODEL_BYTES:
        warn(
            f"the model has {model_bytes / 1e6:.0f} MB, and the gate `integrity` refuses more than "
            f"{MAX_MODEL_BYTES / 1e6:g} MB unless the policy raises max_model_bytes; fewer or "
            "smaller trees make it smaller"
        )


def _facts(recipe: Recipe, origin: Mapping[str, str], budget: str) -> dict[str, str]:
    """The facts about the run that the model card lists."""
    run = mlflow.active_run()
    return {
        "model": recipe.model,
        "parameters": ", ".join(f"{name} {value}" for name, value in recipe.parameters.items()),
        "calibration": str(recipe.sigmoid or "none"),
        "run": run.info.run_id if run else "",
        "alert budget": budget,
        "commit": origin[GIT_COMMIT_TAG],
        "authors": origin[AUTHORS_TAG],
    }


def _print_measures(assessment: Assessment) -> None:
    for name in PRINTED_MEASURES:
        label, value, interval = assessment.readable(name)
        print(f"  {label}: {value} ({interval})")

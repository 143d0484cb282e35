"""The Handbook's transactions with their features, as often as wanted, and a model of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import mlflow
import polars as pl

from benchmarks.handbook import OUR_TRAIN_DAYS, OURS, TEST_WEEK, read_handbook, week_split
from benchmarks.paths import CACHE
from registry.atomic import atomic_write
from registry.model.scorer import MODEL_FILE, SESSION_OPTIONS
from training.contract_writer import describe_inputs, write_contract
from training.convert import convert
from training.track import model_signature

FOLDER = CACHE / "batch"
MODEL, ROWS_FILE = FOLDER / "model", FOLDER / "rows.parquet"
ID = "id"


def prepare() -> int:
    """Make model and rows unless they are there; return how many rows there are."""
    if not ((MODEL / MODEL_FILE).exists() and ROWS_FILE.exists()):
        data = read_handbook("handbook_extended")
        train = week_split(data, TEST_WEEK, OUR_TRAIN_DAYS).train
        inputs = describe_inputs(data, train)
        contract = write_contract(data, "handbook_extended", train, inputs, 0.5, "not used")
        FOLDER.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model = convert(OURS.fit(data, train, inputs), len(inputs))
            mlflow.onnx.save_model(
                model,
                MODEL,
                signature=model_signature(contract),
                metadata=contract.as_metadata(),
                onnx_session_options=SESSION_OPTIONS,
                pip_requirements=[],
                save_as_external_data=False,
            )
        rows = data.frame.select(pl.int_range(pl.len()).alias(ID), *contract.names)
        with atomic_write(ROWS_FILE) as temporary:
            rows.write_parquet(temporary)
    return int(pl.scan_parquet(ROWS_FILE).select(pl.len()).collect().item())


def copies(count: int, folder: Path) -> Path:
    """A folder with so many files of the same rows, which take no further room on the disk."""
    folder.mkdir()
    for number in range(count):
        (folder / f"rows-{number:03}.parquet").symlink_to(ROWS_FILE)
    return folder

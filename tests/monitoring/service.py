"""What a service would have recorded: the evaluated transactions again, on days after that."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from monitoring.promise import Promise
from tests.candidates import NAMES, numbers
from tests.monitoring.tables import DAY, records

FIRST_DAY = 20_600
"""2026-05-27: the first of thirty."""
DAYS = 30


def write_records(promise: Promise, folder: Path) -> Path:
    """Thirty days of records of 40 transactions each, with ids `DAY-NUMBER`, as a sink has them."""
    evaluated, values = promise.transactions, numbers()
    order = np.argsort(-evaluated.probabilities, kind="stable")
    by_score = np.argsort(-values[:, 0], kind="stable")
    values = values[by_score]
    rows = [
        {
            "transaction_id": f"{day}-{place}",
            "time": (FIRST_DAY + day) * DAY + place,
            "model_version": promise.version,
            "probability": float(evaluated.probabilities[order[place * 10 + day % 10]]),
            "inputs": json.dumps(
                dict(zip(NAMES, values[by_score[place * 10 + day % 10]], strict=True))
            ),
        }
        for day in range(DAYS)
        for place in range(40)
    ]
    path = folder / f"version={promise.version}.parquet"
    folder.mkdir(exist_ok=True)
    records(*rows).write_parquet(path)
    return path


def write_labels(promise: Promise, path: Path, *, lost: int = DAYS) -> Path:
    """Labels of these records, as the evaluation had them; from day `lost` on, the alerts of the
    day that are frauds are none any more.
    """
    evaluated = promise.transactions
    order = np.argsort(-evaluated.probabilities, kind="stable")
    rows = [
        (f"{day}-{place}", int(evaluated.labels[order[place * 10 + day % 10]]) * (day < lost))
        for day in range(DAYS)
        for place in range(40)
    ]
    pl.DataFrame(rows, schema=["transaction_id", "fraud"], orient="row").write_csv(path)
    return path

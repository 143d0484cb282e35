"""Evidently and NannyML with their defaults, on the rows of the same quarters.

Each has an environment of its own, `.local/bench`: they need other versions than ours. What they
would report about their use is switched off.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.inference.environments import install
from benchmarks.inference.errors import CannotMeasure
from benchmarks.monitoring import programs
from benchmarks.monitoring.worlds import (
    ALERTS,
    CATEGORIES,
    EVIDENCE_DAYS,
    NORMAL,
    NUMBERS,
    alert_days,
    contract,
    quarter,
)
from monitoring.sequential import AlertDay
from registry.model.bins import Bins
from registry.temporary import temporary_folder

PROGRAMS = Path(programs.__file__).parent
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
SECONDS = 1800.0


def drift_alarm(
    peer: str, seed: int, days: int, rows: int, drift: str = "", start: int = 0
) -> int | None:
    """The first day of an alarm in the quarter of `first_drift`. Raises CannotMeasure."""
    random = np.random.default_rng(seed)
    described = contract(random)
    counts = quarter(random, Bins(described), days, rows, drift, start)
    training = [np.array([*each.histogram.counts, 0]) for each in described.inputs]
    with temporary_folder("bench-peer-") as folder:
        _rows(random, training).write_csv(folder / "training.csv")
        starts = np.cumsum([len(each) for each in training])[:-1]
        tables = [
            _rows(random, np.split(each, starts)).with_columns(day=pl.lit(day))
            for day, each in counts.items()
        ]
        pl.concat(tables).write_csv(folder / "days.csv")
        return _run(peer, folder)


def loss_alarm(
    seed: int, days: int, precision: float, loss: float = 0.0, start: int = 0
) -> int | None:
    """The first day of NannyML's alarm in the quarter of `first_loss`. Raises CannotMeasure."""
    random = np.random.default_rng(seed)
    evidence = list(alert_days(random, EVIDENCE_DAYS, precision))
    served = list(alert_days(random, days, precision, loss, start))
    with temporary_folder("bench-peer-") as folder:
        _alerts(evidence).write_csv(folder / "evidence.csv")
        _alerts(served).write_csv(folder / "alerts.csv")
        return _run("nannyml", folder)


def _rows(random: np.random.Generator, counts: list[NDArray[np.int64]]) -> pl.DataFrame:
    """Values of inputs that fall into their bins so often, in random order."""
    table: dict[str, pl.Series] = {}
    inverse = np.vectorize(NORMAL.inv_cdf, otypes=[float])
    for number, each in enumerate(counts[:NUMBERS]):
        places = np.repeat(np.arange(len(each)), each)
        uniform = (places + random.random(len(places))) / 10
        is_missing = places == len(each) - 1
        values = inverse(np.where(is_missing, 0.5, np.clip(uniform, 1e-9, 1 - 1e-9)))
        values[is_missing] = np.nan
        table[f"x{number}"] = pl.Series(random.permutation(values))
    names = np.array([*CATEGORIES, "unknown"])
    table["channel"] = pl.Series(random.permutation(np.repeat(names, counts[-1])))
    return pl.DataFrame(table)


def _alerts(days: list[AlertDay]) -> pl.DataFrame:
    """One row for each alert, those that are frauds first."""
    hits = np.concatenate([np.arange(ALERTS) < day.frauds for day in days])
    return pl.DataFrame({"fraud": hits.astype(int), "alert": 1, "probability": 0.9})


def _run(peer: str, folder: Path) -> int | None:
    program = [str(install(peer) / "python"), str(PROGRAMS / f"{peer}_alarms.py"), str(folder)]
    try:
        done = subprocess.run(
            program,
            check=True,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**os.environ, **QUIET, "PYTHONPATH": ""},
        )
    except subprocess.SubprocessError as error:
        raise CannotMeasure(f"{peer} failed: {getattr(error, 'stderr', error)}") from error
    day = json.loads(done.stdout.splitlines()[-1])
    return None if day is None else int(day)

"""A scrape of /metrics, against the number of inputs and of promotions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.growth.models import model_of
from benchmarks.growth.pause import longest_pause
from benchmarks.growth.row import Row, best_seconds
from benchmarks.paths import REPOSITORY
from inference.metrics import Metrics

INPUTS_OF_PROMOTED = 15


def scraped(inputs: int) -> Metrics:
    """Metrics of a served model that has scored 2,000 rows."""
    metrics, model = Metrics(lambda: 0, lambda: 0.0), model_of(inputs)
    metrics.model_loaded(None, model)
    rows = 10 * np.random.default_rng(0).random((2000, inputs), dtype=np.float32)
    metrics.drift.add(model, rows)
    return metrics


def scrape_milliseconds(inputs: int) -> float:
    return 1e3 * best_seconds(scraped(inputs).expose)


def scrape_series(inputs: int) -> float:
    return series_of(scraped(inputs).expose())


def series_of(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


def held_milliseconds(inputs: int) -> float:
    """The longest pause of an event loop that also counts single rows, during a scrape."""
    metrics, model = scraped(inputs), model_of(inputs)
    metrics.model_loaded(None, model)
    row = np.full((1, inputs), 3.5, dtype=np.float32)

    def count() -> None:
        metrics.drift.add(model, row)
        metrics.flush()

    return 1e3 * longest_pause(metrics.expose, count)


def after_promotions(count: int) -> dict[str, float]:
    """What a worker of gunicorn exports after so many promotions: series, files, milliseconds.

    In a process of its own: prometheus_client chooses its storage when it is imported.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder}
        program = f"from benchmarks.growth import metrics; metrics.promote({count})"
        shown = subprocess.run(
            [sys.executable, "-c", program],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return {**json.loads(shown), "files": len(list(Path(folder).iterdir()))}


def promote(count: int) -> None:
    """Load `count` models one after the other, and print what a scrape costs afterwards."""
    metrics, before = Metrics(lambda: 0, lambda: 0.0), None
    for version in range(1, count + 1):
        model = model_of(INPUTS_OF_PROMOTED, version)
        metrics.model_loaded(before, model)
        before = model
    seconds = best_seconds(metrics.expose, rounds=3)
    print(json.dumps({"series": series_of(metrics.expose()), "milliseconds": 1e3 * seconds}))


INPUT_SIZES = (15, 500), (15, 100, 500)
PROMOTION_SIZES = (2, 20), (10, 100, 365)
ROWS = (
    Row("scrape", "a scrape", "inputs", "ms", *INPUT_SIZES, scrape_milliseconds),
    Row("scrape-series", "series of a scrape", "inputs", "series", *INPUT_SIZES, scrape_series),
    Row(
        "loop-held",
        "the longest pause of the event loop during a scrape",
        "inputs",
        "ms",
        *INPUT_SIZES,
        held_milliseconds,
    ),
    Row(
        "promotions",
        "a scrape with several workers, of a model of 15 inputs",
        "promotions",
        "ms",
        *PROMOTION_SIZES,
        lambda count: after_promotions(count)["milliseconds"],
    ),
    Row(
        "promotions-series",
        "series of a scrape with several workers",
        "promotions",
        "series",
        *PROMOTION_SIZES,
        lambda count: after_promotions(count)["series"],
    ),
    Row(
        "promotions-files",
        "files that several workers share",
        "promotions",
        "files",
        *PROMOTION_SIZES,
        lambda count: after_promotions(count)["files"],
    ),
)

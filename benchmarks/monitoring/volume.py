"""A month of records joined with their labels: seconds, and the peak memory of the process."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from monitoring.join import VersionTerms, join
from monitoring.labels import LabelColumns
from monitoring.sources import data_files, scan

HOURS = 720
REPEATED = 50
"""One in so many transactions was sent again."""


def write_month(folder: Path, count: int) -> None:
    """Records by the hour, as a sink writes them, and their labels."""
    random, of_hour = np.random.default_rng(0), count // HOURS
    (folder / "labels").mkdir(parents=True)
    for hour in range(HOURS):
        probability = random.beta(0.05, 20, of_hour).astype(np.float32)
        first = hour * of_hour
        ids = pl.select("payment-" + pl.int_range(first, first + of_hour).cast(pl.String))
        named = ids.to_series().alias("transaction_id")
        records = pl.DataFrame(named).with_columns(
            model_version=1,
            model_digest=pl.lit("d" * 64),
            threshold=0.5,
            time=hour * 3600 + random.random(of_hour) * 3600,
            request_id=named,
            row=0,
            caller=pl.lit("shop"),
            probability=probability.astype(np.float64),
            decision=pl.lit("approve"),
            history=pl.lit(None, dtype=pl.String),
            inputs_sha256=pl.lit("a" * 64),
            inputs=pl.lit(None, dtype=pl.String),
        )
        again = records.gather_every(REPEATED).with_columns(pl.col("time") + 30)
        target = folder / "records" / f"hour={hour}" / "version=1"
        target.mkdir(parents=True)
        pl.concat([records, again]).write_parquet(target / "x.parquet")
        is_fraud = random.random(of_hour) < probability
        pl.DataFrame(named).with_columns(fraud=is_fraud, amount=50.0).write_parquet(
            folder / "labels" / f"{hour}.parquet"
        )


def measured_join(folder: Path) -> tuple[float, float, int]:
    """Seconds, peak resident memory in MB, and rows kept, of a process that does nothing else."""
    program = [sys.executable, "-m", "benchmarks.monitoring.volume", str(folder)]
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    seconds, megabytes, kept = json.loads(printed)
    return seconds, megabytes, kept


def main() -> None:
    """Join what `write_month` wrote into the folder of the first argument."""
    folder, start = Path(sys.argv[1]), time.monotonic()
    joined = join(
        scan(data_files(str(folder / "records"))),
        scan(data_files(str(folder / "labels"))),
        LabelColumns(amount="amount"),
        {1: VersionTerms(7, 100)},
        datetime(1970, 3, 1, tzinfo=UTC),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps([time.monotonic() - start, peak, joined.rows.height]))


if __name__ == "__main__":
    main()

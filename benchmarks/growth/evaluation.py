"""Memory of the evaluation rows, against the number of their days."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from benchmarks.growth.row import Row
from registry.evaluation.metrics import LabelledRows
from registry.evaluation.rows import EvaluationRows

TRANSACTIONS = 500_000


def slices_megabytes(days: int) -> float:
    """The peak while 500,000 transactions are divided into slices and each slice is taken out."""
    generator = np.random.default_rng(0)
    labelled = LabelledRows(
        labels=(generator.random(TRANSACTIONS) < 0.005).astype(np.int8),
        days=np.sort(generator.integers(20_000, 20_000 + days, TRANSACTIONS)),
        amounts=generator.exponential(50.0, TRANSACTIONS),
        clusters=generator.integers(0, 50_000, TRANSACTIONS),
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = EvaluationRows(pd.DataFrame(index=range(TRANSACTIONS)), labelled, moment, moment, "", {})
    tracemalloc.start()
    try:
        for part in rows.slices:
            labelled.part(part.rows)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


ROWS = (
    Row(
        "slices",
        "memory of the slices of 500,000 evaluation rows",
        "days",
        "MB",
        (37, 200),
        (37, 1036),
        slices_megabytes,
    ),
)

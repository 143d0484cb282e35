"""Parity: whether the ONNX model gives the probabilities that scikit-learn gave in training.

The gate `integrity` bounds the difference.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa

from registry.errors import UsageError
from registry.evaluation.isolated import RowScorer
from registry.evaluation.rows import encode_frame


def parity(scorer: RowScorer, parquet: bytes) -> tuple[float, int]:
    """The largest difference to the recorded probabilities, row by row, and the number of rows.

    `parquet` is the content of `PARITY_FILE`. Where it holds no rows, or cannot be read, the
    difference is 1.
    """
    try:
        recorded = pd.read_parquet(BytesIO(parquet))
        expected = recorded["probability"].to_numpy(dtype=np.float64)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return 1.0, 0
    if not len(recorded):
        return 1.0, 0
    try:
        probabilities = scorer.score_one_by_one(encode_frame(recorded, scorer.contract))
    except UsageError:  # its rows lack an input
        return 1.0, 0
    difference = float(np.abs(probabilities - expected).max())
    return (difference if np.isfinite(difference) else 1.0), len(recorded)

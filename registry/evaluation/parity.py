"""Parity: whether the ONNX model gives the probabilities that others computed.

`parity` compares with those that scikit-learn gave in training, in a file that the candidate's
author writes; `reference_parity` with ONNX's own reference implementation, on rows of the
evaluation. The gate `integrity` bounds both differences.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from registry.errors import ContractError, UsageError
from registry.evaluation.isolated import ModelProcess, RowScorer, isolated_reference_scores
from registry.evaluation.rows import encode_frame


def reference_parity(
    process: ModelProcess, model: bytes, rows: NDArray[np.float32], scores: NDArray[np.float32]
) -> float:
    """The largest difference of onnxruntime's scores to those of ONNX's reference implementation.

    `model` is the content of the ONNX file, `rows` its encoded input of shape (n, inputs), and
    `scores`, of shape (n,), what onnxruntime gave. The reference is written in Python and numpy,
    and shares no code with onnxruntime. Where it fails, or gives no finite number for a row, the
    difference is 1. Raises ModelFailed where it takes more time or memory than the process may.
    """
    try:
        expected = isolated_reference_scores(process, model, rows)
    except ContractError:
        return 1.0
    if expected.shape != scores.shape or not np.isfinite(expected).all():
        return 1.0
    return float(np.abs(scores - expected).max(initial=0.0))


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

# BentoML is installed in its own environment.
# mypy: ignore-errors
"""An ONNX file in BentoML."""

from __future__ import annotations

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(logging={"access": {"enabled": False}})
class Fraud:
    """Scores rows with onnxruntime on one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_ONNX"], options)

    # A coroutine, against BentoML's advice for blocking work: on one core it takes a fifth less CPU
    # time per request than a thread, and the comparison is with each peer at its fastest.
    @bentoml.api
    async def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of fraud, shape (n,), for rows of shape (n, inputs)."""
        (probability,) = self.session.run(["probability"], {"inputs": rows.astype(np.float32)})
        return probability

"""The process that checks and runs one model's graph: `isolated` starts it and asks it.

A graph is its author's program: it may loop for ever, take all memory, or crash onnxruntime. So it
runs here, with limits, without the evaluator's environment (signing key, tokens), and ends with the
evaluator, however that ends.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.errors import ContractError, RegistryError, on_one_line
from registry.evaluation.frames import receive, send
from registry.model.contract import Contract
from registry.model.scorer import Scorer

MAX_OPEN_FILES = 32
MAX_REASON_CHARACTERS = 300
CPU_SECONDS_MORE = 10
"""CPU time beyond the limit on elapsed time: it ends what the evaluator could not stop."""

OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")
"""What onnxruntime says: it has no exception class of its own for it."""

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main(parent: int, seconds: float, memory_bytes: int) -> None:
    """Answer requests from standard input on standard output until it is closed."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    _end_with(parent)
    _limit(resource.RLIMIT_CPU, int(seconds) + CPU_SECONDS_MORE)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    model = _Model()
    while True:
        try:
            header, parts = receive(requests)
        except EOFError:
            return
        try:
            values, *content = model.answer(header, parts)
        except Exception as error:  # onnxruntime has no public base class for its own errors
            values, content = {"error": _reason(error), "kind": _kind(error)}, []
        send(replies, values, *content)


class _Model:
    """The model of this process, once it is loaded."""

    def __init__(self) -> None:
        self._scorer: Scorer | None = None

    def answer(self, header: dict[str, Any], parts: list[bytes]) -> tuple[Any, ...]:
        """The values and the bytes of the reply to one request."""
        if header["operation"] == "problems":
            # Few operations need onnx, which takes a tenth of a second to import.
            from registry.evaluation.graph import graph_problems  # noqa: PLC0415

            found = graph_problems(parts[0], header["opsets"], header["operators"])
            return ({"problems": found},)
        if header["operation"] == "reference":
            from registry.evaluation.graph import reference_scores  # noqa: PLC0415

            rows = np.frombuffer(parts[1], dtype=np.float32).reshape(-1, header["width"])
            return {}, reference_scores(parts[0], rows).tobytes()
        if header["operation"] == "load":
            contract = Contract.model_validate_json(parts[0])
            self._scorer = Scorer(parts[1], contract)
            return ({},)
        scorer = self._scorer
        if scorer is None:
            raise ValueError("no model is loaded")
        rows = np.frombuffer(parts[0], dtype=np.float32)
        rows = rows.reshape(-1, len(scorer.contract.inputs))
        return {}, _OPERATIONS[header["operation"]](scorer, rows).tobytes()


def _score(scorer: Scorer, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = scorer.score(rows)
    if scores.shape != (len(rows),):
        raise ContractError(f"it returns the shape {scores.shape} for {len(rows)} rows")
    return scores


def _score_one_by_one(scorer: Scorer, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    alone = [_score(scorer, rows[index : index + 1]) for index in range(len(rows))]
    return np.concatenate(alone or [rows[:, 0]])


_OPERATIONS: dict[str, Callable[[Scorer, NDArray[np.float32]], NDArray[Any]]] = {
    "score": _score,
    "score_one_by_one": _score_one_by_one,
    "seconds_one_by_one": Scorer.seconds_one_by_one,
}


def _end_with(parent: int) -> None:
    """Be killed when the evaluator ends, also while a graph is running (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        sys.exit()


def _limit(kind: int, value: int) -> None:
    """Lower a limit of this process, for good."""
    _, hard = resource.getrlimit(kind)
    lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lowered, lowered))


def _kind(error: BaseException | None) -> str:
    """Whether memory ran out, the model breaks its contract, or scoring failed."""
    cause = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(text in str(cause) for text in OUT_OF_MEMORY):
            return "memory"
        cause = cause.__cause__
    return "contract" if isinstance(error, RegistryError) else "failed"


def _reason(error: Exception) -> str:
    """What went wrong: of onnxruntime's messages the end, which follows C++ signatures."""
    message = on_one_line(str(error).strip() or type(error).__name__)
    return message[-MAX_REASON_CHARACTERS:]


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))

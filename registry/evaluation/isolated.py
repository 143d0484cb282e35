"""A model whose graph runs in a process of its own, with limits on time and memory.

`scoring_process` is what runs there. The limits bound what a graph can do to the evaluation: loop
for ever, take all memory, crash. They are no sandbox against a flaw in onnxruntime by which a graph
could run other code; for that, run the evaluation itself in a container without network.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Annotated, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from registry.errors import ContractError, ModelFailed
from registry.evaluation.frames import receive, send
from registry.model.contract import Contract

CHILD = "registry.evaluation.scoring_process"
MAX_SECONDS_TO_END = 5
"""For a process that has closed its output to be gone."""

KEPT_VARIABLES = ("LD_LIBRARY_PATH",)
"""Of the evaluator's environment the process gets these, and no key or token."""


class Limits(BaseModel):
    """What one model may use in an evaluation: time, for all its scores together, and memory.

    `memory_bytes` limits the address space of the process, of which Python and onnxruntime take
    0.2 GB. A forest of 100 MB took 1.9 GB.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=86_400)] = 600
    memory_bytes: Annotated[int, Field(ge=500_000_000, le=2**40)] = 4_000_000_000


DEFAULT_LIMITS = Limits()


class RowScorer(Protocol):
    """What the gates need of a model: `registry.model.scorer.Scorer`, or one that is isolated."""

    @property
    def contract(self) -> Contract: ...

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def score_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def seconds_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float64]: ...


class ModelProcess:
    """A child process with limits, asked one thing at a time; leaving the block ends it.

    `name` is how messages call the model. The child is killed when its time is used up, and reaped
    by its own handle; while the evaluator itself works, no time is counted.
    """

    def __init__(self, name: str, limits: Limits) -> None:
        self._name, self._limits = name, limits
        self._remaining_seconds = limits.seconds
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", CHILD, str(os.getpid())),
                *(str(limits.seconds), str(limits.memory_bytes)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C ends the evaluator, which ends this
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not written is lost, as it should be
                    pipe.close()

    def ask(
        self, operation: str, *parts: bytes, max_reply_bytes: int = 0, **values: Any
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send one request, and return the values and bytes of its reply.

        Raises ModelFailed where the process crashes or exceeds a limit, and ContractError where the
        model cannot be loaded or cannot score.
        """
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None  # noqa: S101 (as it was started)
        assert replies is not None  # noqa: S101
        timer = Timer(self._remaining_seconds, self._process.kill)
        if self._remaining_seconds <= 0:
            self._process.kill()  # before it can answer, which the timer's thread would not ensure
        started = monotonic()
        timer.start()
        try:
            send(requests, {"operation": operation, **values}, *parts)
            reply, content = receive(replies, max_reply_bytes)
        except (OSError, EOFError, ValueError) as error:
            raise self._failure(monotonic() - started) from error
        finally:
            timer.cancel()
            self._remaining_seconds -= monotonic() - started
        if "error" in reply:
            raise self._error(str(reply.get("kind")), str(reply["error"]))
        return reply, content

    def _failure(self, seconds: float) -> ModelFailed:
        """Why the process ended, or that it does not answer as it should."""
        try:
            code = self._process.wait(MAX_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if seconds >= self._remaining_seconds or code == -signal.SIGXCPU:
            return ModelFailed(
                f"the {self._name} model took more than {self._limits.seconds:g} seconds, the "
                "policy's limits.seconds, and was stopped; train a smaller one, or raise the limit"
            )
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ModelFailed(
            f"the {self._name} model crashed the process that ran it ({ended}); a model that "
            "`mlflow run .` makes does not: train it again, and do not load this one elsewhere"
        )

    def _error(self, kind: str, message: str) -> ContractError | ModelFailed:
        if kind == "memory":
            return ModelFailed(
                f"the {self._name} model needs more than {self._limits.memory_bytes / 1e9:g} GB of "
                "memory, the policy's limits.memory_bytes; train a smaller one, or raise the limit"
            )
        if kind == "contract":
            return ContractError(f"the {self._name} model: {message}")
        return ContractError(f"the {self._name} model cannot score the rows: {message}")


class IsolatedScorer:
    """A model that scores in a process of its own, with the same bits as in this one."""

    def __init__(self, process: ModelProcess, model: bytes, contract: Contract) -> None:
        """Load the ONNX file `model`. Raises ContractError and ModelFailed."""
        self._process = process
        self.contract = contract
        process.ask("load", contract.model_dump_json().encode(), model)

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities, shape (n,), for encoded rows of shape (n, inputs)."""
        return np.frombuffer(self._ask("score", rows, np.float32().itemsize), np.float32)

    def score_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `score`, each row in its own call: bit-identical to what the service answers."""
        return np.frombuffer(self._ask("score_one_by_one", rows, np.float32().itemsize), np.float32)

    def seconds_one_by_one(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """How many seconds each row takes in its own call, shape (n,), measured in the process."""
        return np.frombuffer(self._ask("seconds_one_by_one", rows, np.float64().itemsize))

    def _ask(self, operation: str, rows: NDArray[np.float32], item_bytes: int) -> bytes:
        expected = len(rows) * item_bytes
        content = rows.astype(np.float32).tobytes()
        _, (reply,) = self._process.ask(operation, content, max_reply_bytes=expected)
        if len(reply) != expected:
            raise ContractError(f"the model answers {len(reply)} bytes where {expected} are right")
        return reply


def isolated_graph_problems(
    process: ModelProcess, model: bytes, opsets: Mapping[str, int], operators: Collection[str]
) -> list[str]:
    """As `graph.graph_problems`, found in a process with limits. Raises ModelFailed."""
    reply, _ = process.ask("problems", model, opsets=dict(opsets), operators=list(operators))
    return [str(problem) for problem in reply["problems"]]


def isolated_reference_scores(
    process: ModelProcess, model: bytes, rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """As `graph.reference_scores`, in a process with limits. Raises ContractError, ModelFailed."""
    content = np.ascontiguousarray(rows, dtype=np.float32).tobytes()
    allowed = len(rows) * np.float32().itemsize
    _, (reply,) = process.ask(
        "reference", model, content, width=rows.shape[1], max_reply_bytes=allowed
    )
    return np.frombuffer(reply, np.float32)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # each of its threads would reserve address space
    }

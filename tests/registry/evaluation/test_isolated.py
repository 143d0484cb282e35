"""A model in a process of its own: the same scores, and graphs that misbehave."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import onnx
import psutil  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray

from registry.errors import ContractError, ModelFailed
from registry.evaluation.isolated import IsolatedScorer, Limits, ModelProcess
from registry.model.scorer import Scorer, read_model
from tests.candidates import contract, files_of, numbers, saved_model
from tests.registry.graphs import (
    deep_tree,
    doubling,
    first_input,
    growing,
    hidden_loop,
    looping,
    not_a_number,
    twice_as_many,
)
from tests.waiting import wait_until

ROWS = np.array([[0.25], [0.5], [0.75]], dtype=np.float32)
LIMITS = Limits(seconds=60, memory_bytes=10**9)
SHORT = Limits(seconds=2, memory_bytes=10**9)


@contextmanager
def isolated(model: onnx.ModelProto, limits: Limits = LIMITS) -> Iterator[IsolatedScorer]:
    """The model scores one input in a process that is gone afterwards."""
    with ModelProcess("candidate", limits) as process:
        yield IsolatedScorer(process, model.SerializeToString(), contract(("amount",)))


def score(model: onnx.ModelProto, limits: Limits = LIMITS) -> NDArray[np.float32]:
    with isolated(model, limits) as scorer:
        return scorer.score(ROWS)


@pytest.fixture(autouse=True)
def _leaves_no_process() -> Iterator[None]:
    """Neither a process that runs nor one that was not reaped."""
    before = psutil.Process().children()
    yield
    assert set(psutil.Process().children()) <= set(before)


def test_scores_are_the_same_bits_as_in_this_process() -> None:
    model, described = read_model(files_of(saved_model(1.0)))
    rows = numbers(500).astype(np.float32)
    here = Scorer(model, described)
    with ModelProcess("candidate", LIMITS) as process:
        scorer = IsolatedScorer(process, model, described)
        assert scorer.score(rows).tobytes() == here.score(rows).tobytes()
        alone = scorer.score_one_by_one(rows)
        assert alone.tobytes() == here.score_one_by_one(rows).tobytes()
        assert scorer.score(rows[:0]).shape == (0,)
        assert scorer.score_one_by_one(rows[:0]).shape == (0,)
        assert scorer.contract == described


def test_each_row_is_timed() -> None:
    with isolated(first_input()) as scorer:
        seconds = scorer.seconds_one_by_one(ROWS)
    assert seconds.shape == (3,)
    assert 0 < seconds.min() <= seconds.max() < 60


def test_what_is_not_a_number_is_handed_on() -> None:
    with isolated(first_input()) as scorer:
        odd = np.array([[np.nan], [np.inf], [-np.inf]], dtype=np.float32)
        assert np.isnan(scorer.score(odd)[0])
        assert scorer.score(odd)[1:].tolist() == [1.0, 0.0]
    assert np.isnan(score(not_a_number())).all()


@pytest.mark.parametrize("model", [looping(), hidden_loop()], ids=["Loop", "Loop in If"])
def test_a_graph_that_never_ends_is_stopped(model: onnx.ModelProto) -> None:
    start = monotonic()
    with pytest.raises(ModelFailed) as failed:
        score(model, SHORT)
    assert 2 <= monotonic() - start < 20
    assert str(failed.value) == (
        "the candidate model took more than 2 seconds, the policy's limits.seconds, and was "
        "stopped; train a smaller one, or raise the limit"
    )


def test_the_time_of_all_calls_counts_together_and_that_between_them_does_not() -> None:
    """Four waits of the evaluator are longer than the limit; four of the model would not be."""
    with isolated(first_input(), Limits(seconds=30, memory_bytes=10**9)) as scorer:
        before = scorer._process._remaining_seconds
        scorer.score(ROWS)
        after = scorer._process._remaining_seconds
        assert 0 < after < before < 30
        scorer._process._remaining_seconds = 0.0
        with pytest.raises(ModelFailed, match="took more than 30 seconds"):
            scorer.score(ROWS)


@pytest.mark.parametrize(
    "model",
    [
        doubling(40, constant=True),
        doubling(40, constant=False),
        growing("ConstantOfShape"),
        growing("Expand"),
    ],
    ids=["Concat when loaded", "Concat", "ConstantOfShape", "Expand"],
)
def test_a_graph_that_takes_all_memory_is_refused(model: onnx.ModelProto) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFailed) as failed:
        score(model)
    assert str(failed.value) == (
        "the candidate model needs more than 1 GB of memory, the policy's limits.memory_bytes; "
        "train a smaller one, or raise the limit"
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_graph_that_onnxruntime_itself_refuses_to_grow() -> None:
    with pytest.raises(ContractError, match=r"the candidate model cannot score the rows: .* Tile"):
        score(growing("Tile"))


def test_a_graph_that_crashes_onnxruntime_is_refused() -> None:
    with pytest.raises(ModelFailed) as failed:
        score(deep_tree(200_000))
    assert str(failed.value) == (
        "the candidate model crashed the process that ran it (SIGSEGV); a model that "
        "`mlflow run .` makes does not: train it again, and do not load this one elsewhere"
    )


def test_after_a_crash_every_call_fails_at_once() -> None:
    with isolated(first_input()) as scorer:
        scorer._process._process.kill()
        for _ in range(2):
            with pytest.raises(ModelFailed, match=r"crashed the process that ran it \(SIGKILL\)"):
                scorer.score(ROWS)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(
        ContractError, match=r"^the candidate model: it returns the shape \(6,\) for 3 rows$"
    ):
        score(twice_as_many())


def test_a_file_that_is_no_model_is_refused() -> None:
    with (
        ModelProcess("Production", LIMITS) as process,
        pytest.raises(ContractError, match=r"^the Production model: model.onnx is not a model"),
    ):
        IsolatedScorer(process, b"junk", contract())


def test_the_process_has_its_limits_and_nothing_of_the_evaluators_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRAUD_SIGNING_KEY", "file2:key.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    with isolated(first_input()) as scorer:
        process = psutil.Process(scorer._process._process.pid)
        assert set(process.environ()) <= {
            "LD_LIBRARY_PATH",
            "OPENBLAS_NUM_THREADS",
            "PYTHONDONTWRITEBYTECODE",
            "PYTHONPATH",
        }
        assert process.cwd() == "/"
        limits = {
            kind: process.rlimit(kind)
            for kind in (
                resource.RLIMIT_AS,
                resource.RLIMIT_CPU,
                resource.RLIMIT_FSIZE,
                resource.RLIMIT_NOFILE,
                resource.RLIMIT_CORE,
            )
        }
        assert limits == {
            resource.RLIMIT_AS: (10**9, 10**9),
            resource.RLIMIT_CPU: (70, 70),
            resource.RLIMIT_FSIZE: (0, 0),
            resource.RLIMIT_NOFILE: (32, 32),
            resource.RLIMIT_CORE: (0, 0),
        }
        assert process.net_connections() == []


EVALUATOR = """
import sys
from registry.evaluation.isolated import IsolatedScorer, Limits, ModelProcess
from tests.candidates import contract
from tests.registry.graphs import looping
import numpy as np
process = ModelProcess("candidate", Limits(seconds=120))
scorer = IsolatedScorer(process, looping().SerializeToString(), contract(("amount",)))
print(process._process.pid, flush=True)
scorer.score(np.ones((3, 1), dtype=np.float32))
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_evaluator_even_in_the_middle_of_a_loop(sent: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", EVALUATOR],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as evaluator:
        try:
            assert evaluator.stdout
            child = psutil.Process(int(evaluator.stdout.readline()))
            loaded = child.cpu_times().user
            wait_until(lambda: child.cpu_times().user > loaded + 0.2, 120)  # it loops
            evaluator.send_signal(sent)
            assert evaluator.wait(60) == -sent
        finally:
            evaluator.kill()
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_folder_named_in_a_relative_path_is_found_by_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(".")
    assert score(first_input()).tolist() == [0.25, 0.5, 0.75]

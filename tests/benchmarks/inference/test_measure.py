"""A real round of the bare ASGI function and of our service, and what aborts a round."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from benchmarks.inference import servers
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import Round, check_answers, cores, measure, started
from benchmarks.inference.production import Rows
from benchmarks.inference.report import verdicts
from benchmarks.inference.servers import Server
from tests.candidates import NAMES, numbers, pipeline
from tests.components import program
from tests.world import World

CORE = min(os.sched_getaffinity(0))
ANSWER = b'{"probability": 0.25}'


@pytest.fixture
def rows() -> Rows:
    values = numbers(20).astype(np.float32)
    expected = pipeline(1.0).predict_proba(values)[:, 1]
    return Rows(NAMES, values.astype(np.float64), expected)


@pytest.fixture
def constant(tmp_path: Path) -> Server:
    answer = tmp_path / "answer.json"
    answer.write_bytes(ANSWER)
    return servers.bare_asgi(sys.executable, answer, NAMES)


def is_plausible(result: Round) -> bool:
    return (
        0 < result.p50_ms <= result.p99_ms
        and result.requests_per_second > 10
        and 0 < result.cpu_ms < 1e3 / result.requests_per_second * 1.5
        and 10 < result.pss_mb <= result.rss_mb < 1000
        and 0 < result.ready_seconds < 60
    )


def test_a_round_of_the_bare_asgi_function_and_one_of_ours(
    world: World, rows: Rows, constant: Server, tmp_path: Path
) -> None:
    program("wrk", "apt-get install wrk")
    world.put_in_production()
    ours = servers.ours(sys.executable, world.server.uri, world.config, NAMES, records=False)
    medians = {
        server.name: measure(server, rows, CORE, None, 1, tmp_path / "log")
        for server in (constant, ours)
    }
    assert [is_plausible(result) for result in medians.values()] == [True, True]
    assert [verdict.quantity for verdict in verdicts(medians)] == [
        "requests/s relative to bare ASGI",
        "resident memory, MB",
    ]


def test_a_constant_server_answers_the_same_bytes_and_its_process_ends(
    rows: Rows, constant: Server, tmp_path: Path
) -> None:
    with started(constant, CORE, tmp_path / "log") as ready:
        assert check_answers(constant, ready.address, rows) == ANSWER
        assert ready.process.cpu_affinity() == [CORE]
        tree = ready.tree()
    assert [process for process in tree if process.is_running()] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(ready.address)


def test_a_wrong_probability_aborts_the_run(rows: Rows, constant: Server, tmp_path: Path) -> None:
    scoring = replace(constant, probability=lambda answer: float(answer["probability"]))
    off = replace(rows, expected=np.full(len(rows.values), 0.25 + 2e-6))
    with started(constant, CORE, tmp_path / "log") as ready:
        with pytest.raises(CannotMeasure, match=r"bare ASGI answers 0\.25 instead of"):
            check_answers(scoring, ready.address, off)
        near = replace(rows, expected=np.full(len(rows.values), 0.25 + 5e-7))
        check_answers(scoring, ready.address, near)


def test_an_error_answer_aborts_the_run(rows: Rows, tmp_path: Path) -> None:
    files = Server(
        name="files",
        command=[sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"],
        environment={},
        ready="/",
        path="/",
        body=lambda row: row,
    )
    with (
        started(files, CORE, tmp_path / "log") as ready,
        pytest.raises(CannotMeasure, match="files: 501: "),
    ):
        check_answers(files, ready.address, rows)


def test_the_error_for_a_server_that_ends_names_its_log(constant: Server, tmp_path: Path) -> None:
    broken = replace(constant, environment={"BENCH_ANSWER": str(tmp_path / "none")})
    with (
        pytest.raises(CannotMeasure, match=r"bare ASGI did not become ready; see .*log"),
        started(broken, CORE, tmp_path / "log"),
    ):
        pass


def test_a_worker_that_left_its_parents_process_group_is_stopped_too(tmp_path: Path) -> None:
    code = (
        "import http.server, subprocess\n"
        "subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "handler = http.server.SimpleHTTPRequestHandler\n"
        "http.server.test(handler, port={port}, bind='127.0.0.1')\n"
    )
    parent = Server(
        name="parent",
        command=[sys.executable, "-c", code],
        environment={},
        ready="/",
        path="/",
        body=lambda row: row,
    )
    with started(parent, CORE, tmp_path / "log") as ready:
        (worker,) = ready.process.children()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_ctrl_c_leaves_no_process(constant: Server, tmp_path: Path) -> None:
    tree: list[psutil.Process] = []

    def interrupted() -> None:
        with started(constant, CORE, tmp_path / "log") as ready:
            tree.extend(ready.tree())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [process.is_running() for process in tree] == [False]


def test_two_cores_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    with pytest.raises(CannotMeasure, match="two cores are needed"):
        cores()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7, 3, 5})
    assert cores() == (3, 7)

"""Movers of a spool are started one at a time, and what they report is counted."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from inference.metrics import Metrics
from inference.record_moves import Moves
from tests.inference.calls import samples_of
from tests.inference.spooled import folders, seal, stored_rows
from tests.waiting import wait_until


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 0, lambda: 0.0)


def counted(metrics: Metrics) -> tuple[float, float]:
    """Records dropped, and failed moves."""
    read = samples_of(metrics.expose().decode())
    return read["fraud_records_dropped_total"], read["fraud_record_moves_failed_total"]


def test_one_mover_runs_at_a_time_whoever_started_it(tmp_path: Path, metrics: Metrics) -> None:
    spool, destination = folders(tmp_path)
    moves = [Moves(spool, str(destination), metrics) for _ in range(2)]
    with seal(spool, range(3)).open("ab") as file:
        file.write(b"torn\n")
    assert moves[0].start()
    assert not moves[0].has_ended()
    assert not moves[1].start()
    assert moves[1].has_ended()
    wait_until(moves[0].has_ended)
    assert stored_rows(destination) == [0, 1, 2]
    assert counted(metrics) == (1, 0)
    assert moves[1].start()
    wait_until(moves[1].has_ended)
    assert counted(metrics) == (1, 0)


def test_a_file_that_could_not_be_moved_is_counted_and_the_reason_logged(
    tmp_path: Path, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    spool, _ = folders(tmp_path)
    seal(spool, range(3))
    moves = Moves(spool, "/nowhere\nelse", metrics)
    assert moves.start()
    wait_until(moves.has_ended)
    assert counted(metrics) == (0, 1)
    assert caplog.messages == [
        f"prediction records wait in {spool}: the folder /nowhere\\nelse does not exist"
    ]


@pytest.mark.parametrize(
    ("end", "reason"),
    [("exit 3", "exit code 3: no such module"), ("echo 1", "exit code 0: no such module")],
)
def test_a_mover_that_crashes_or_prints_something_else_is_counted_and_its_last_line_logged(
    tmp_path: Path,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    reason: str,
) -> None:
    crashing = tmp_path / "python"
    crashing.write_text(f"#!/bin/sh\necho first\necho no such module >&2\n{end}\n")
    crashing.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(crashing))
    spool, destination = folders(tmp_path)
    moves = Moves(spool, str(destination), metrics)
    with caplog.at_level(logging.WARNING):
        assert moves.start()
        wait_until(moves.has_ended)
    assert counted(metrics) == (0, 1)
    assert caplog.messages == [f"prediction records wait in {spool}: {reason}"]

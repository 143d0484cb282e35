"""Prediction records, written through a pipe as they are to standard output."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any, Literal

import pytest
from prometheus_client import Counter

from inference import records
from inference.metrics import Metrics
from inference.records import RecordWriter, StandardOutput
from registry.model.scorer import Value
from tests.inference.models import three_inputs

VALUES: list[Value] = [0.25, None, "FR"]
MODEL = three_inputs()


class Pipe:
    """Both ends of a pipe; a reader may stall."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read(self) -> list[dict[str, Any]]:
        """The records until the writer is closed, each a line of its own."""
        os.close(self.writer)
        with os.fdopen(self.reader, "rb") as file:
            return [json.loads(line) for line in file.read().splitlines()]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 0, lambda: 0.0)


def count(counter: Counter) -> float:
    return counter._value.get()  # type: ignore[no-any-return]


def add(
    kept: RecordWriter, number: int = 0, values: list[Value] = VALUES, probability: float = 0.5
) -> None:
    kept.add(MODEL, f"request-{number}", "alice", values, probability, number)


def written(kind: Literal["hash", "values", "off"], pipe: Pipe, metrics: Metrics) -> Any:
    kept = RecordWriter(kind, StandardOutput(pipe.writer), metrics)
    kept.start()
    add(kept, 3)
    kept.close()
    return pipe.read()


def test_a_record_holds_decision_inputs_and_model(pipe: Pipe, metrics: Metrics) -> None:
    before = time.time()
    (record,) = written("hash", pipe, metrics)
    assert before <= record.pop("time") <= time.time()
    assert record == {
        "record": "prediction",
        "request_id": "request-3",
        "row": 3,
        "caller": "alice",
        "model_version": 7,
        "model_digest": MODEL.digest,
        "threshold": 0.5,
        "probability": 0.5,
        "decision": "review",
        "inputs_sha256": hashlib.sha256(b'[0.25,null,"FR"]').hexdigest(),
    }
    assert count(metrics.records_dropped) == 0


def test_a_record_holds_the_values_where_the_setting_says_so(pipe: Pipe, metrics: Metrics) -> None:
    (record,) = written("values", pipe, metrics)
    assert record["inputs"] == {"amount": 0.25, "age_days": None, "country": "FR"}
    assert "inputs_sha256" not in record


def test_no_record_is_written_where_the_setting_says_so(pipe: Pipe, metrics: Metrics) -> None:
    assert written("off", pipe, metrics) == []
    assert count(metrics.records_dropped) == 0


def test_a_value_with_line_breaks_stays_on_one_line(pipe: Pipe, metrics: Metrics) -> None:
    kept = RecordWriter("values", StandardOutput(pipe.writer), metrics)
    kept.start()
    for number, text in enumerate(("a\nb", "\u2028", '"}\n{', "\x85")):
        add(kept, number, [0.0, None, text])
    kept.close()
    assert [one["inputs"]["country"] for one in pipe.read()] == ["a\nb", "\u2028", '"}\n{', "\x85"]


def test_records_are_written_in_order_while_the_service_runs(pipe: Pipe, metrics: Metrics) -> None:
    kept = RecordWriter("hash", StandardOutput(pipe.writer), metrics)
    kept.start()
    try:
        for number in range(20):
            add(kept, number)
        with os.fdopen(os.dup(pipe.reader), "rb") as file:
            read = [json.loads(file.readline())["row"] for _ in range(20)]
        assert read == list(range(20))
    finally:
        kept.close()
        pipe.read()


def test_what_waits_is_written_on_close(
    pipe: Pipe, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "WRITE_INTERVAL_SECONDS", 3600)
    kept = RecordWriter("hash", StandardOutput(pipe.writer), metrics)
    kept.start()
    for number in range(100):
        add(kept, number)
    kept.close()
    assert [one["row"] for one in pipe.read()] == list(range(100))
    assert count(metrics.records_dropped) == 0
    assert count(metrics.records_written) == 100


def test_beyond_the_maximum_queue_new_records_are_dropped_and_counted(
    pipe: Pipe, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_WAITING", 10)
    kept = RecordWriter("hash", StandardOutput(pipe.writer), metrics)
    for number in range(15):
        add(kept, number)
    assert count(metrics.records_dropped) == 5
    kept.start()
    kept.close()
    assert [one["row"] for one in pipe.read()] == list(range(10))


def test_a_blocked_reader_delays_no_request_and_loses_new_records_only(
    pipe: Pipe, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipe takes 64 KiB; then the writing thread waits, and only that one."""
    monkeypatch.setattr(records, "MAX_WAITING", 1000)
    monkeypatch.setattr(records, "WRITE_INTERVAL_SECONDS", 0.001)
    kept = RecordWriter("values", StandardOutput(pipe.writer), metrics)
    kept.start()
    added = 0
    deadline = time.monotonic() + 20
    while not count(metrics.records_dropped) and time.monotonic() < deadline:
        add(kept, added, [0.0, None, "x" * 1000])
        added += 1
    assert count(metrics.records_dropped) == 1
    start = time.monotonic()
    kept.close(timeout_seconds=0.05)
    assert time.monotonic() - start < 10
    with os.fdopen(os.dup(pipe.reader), "rb") as file:
        rows = [json.loads(file.readline())["row"] for _ in range(added - 1)]
    assert rows == list(range(added - 1))
    kept.close()
    assert pipe.read() == []


def test_a_reader_that_closed_the_pipe_loses_records_only(pipe: Pipe, metrics: Metrics) -> None:
    os.close(pipe.reader)
    kept = RecordWriter("hash", StandardOutput(pipe.writer), metrics)
    kept.start()
    for number in range(7):
        add(kept, number)
    kept.close()
    os.close(pipe.writer)
    assert count(metrics.records_dropped) == 7
    assert count(metrics.records_written) == 0


def test_a_service_that_never_started_can_be_closed(pipe: Pipe, metrics: Metrics) -> None:
    kept = RecordWriter("hash", StandardOutput(pipe.writer), metrics)
    kept.close()
    assert pipe.read() == []

"""Logs as JSON lines."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inference.logs import MAX_KINDS, MAX_LINES, WINDOW_SECONDS, JsonLines, LineLimit
from tests.places import REPOSITORY


def line_of(message: str, *arguments: Any, **extra: Any) -> dict[str, Any]:
    logger = logging.Logger("inference")
    record = logger.makeRecord(
        "inference", logging.WARNING, "", 0, message, arguments, extra.pop("exc_info", None), None
    )
    for name, value in extra.items():
        setattr(record, name, value)
    text = JsonLines().format(record)
    assert "\n" not in text
    read: dict[str, Any] = json.loads(text)
    return read


def test_a_line_has_time_level_logger_and_message() -> None:
    line = line_of("serving version %d: %s", 3, "é")
    when = datetime.fromisoformat(line.pop("time"))
    assert abs(datetime.now(UTC) - when) < timedelta(seconds=30)
    assert line == {"level": "WARNING", "logger": "inference", "message": "serving version 3: é"}


def test_the_requests_id_and_caller_are_in_the_line_where_there_are_any() -> None:
    assert line_of("failed", request_id="payment-4711")["request_id"] == "payment-4711"
    assert line_of("failed", caller="payments")["caller"] == "payments"
    assert "caller" not in line_of("failed", caller="")


@pytest.mark.parametrize("text", ["a\nb", '"}\n{"level": "INFO"', "\x00", "\u2028", "%s"])
def test_no_message_can_make_a_line_of_its_own(text: str) -> None:
    assert line_of("%s", text)["message"] == text


def test_an_error_is_in_the_line_with_its_traceback() -> None:
    try:
        raise RuntimeError("no such thing")
    except RuntimeError as error:
        line = line_of("failed", exc_info=(type(error), error, error.__traceback__))
    assert line["error"].startswith("Traceback (most recent call last):\n")
    assert line["error"].endswith("RuntimeError: no such thing")


PROGRAM = """
import logging
from inference.logs import log_as_json
logging.getLogger("uvicorn").addHandler(logging.StreamHandler())
logging.getLogger("uvicorn").propagate = False
log_as_json()
for name in ("inference", "uvicorn", "uvicorn.error", "gunicorn.error", "mlflow"):
    logging.getLogger(name).info("from %s", name, extra={"request_id": name})
logging.getLogger("inference").debug("not shown")
"""


def test_every_logger_of_the_process_writes_lines_on_standard_error_once() -> None:
    """In a process of its own: it changes the loggers for good."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    names = ["inference", "uvicorn", "uvicorn.error", "gunicorn.error", "mlflow"]
    assert [one["message"] for one in lines] == [f"from {name}" for name in names]
    assert [one["request_id"] for one in lines] == names
    assert ended.stdout == ""


class Flood:
    """A limit with a clock of its own, and what it lets through."""

    def __init__(self) -> None:
        self.now = 100.0
        self.limit = LineLimit(lambda: self.now)

    def written(self, count: int, message: str = "%s: %d", reason: str = "alice 422") -> int:
        """How many of so many lines are written."""
        logger = logging.Logger("inference")
        extra = {"reason": reason}
        records = [
            logger.makeRecord(
                "inference", logging.INFO, "", 0, message, ("x", n), None, extra=extra
            )
            for n in range(count)
        ]
        return sum(bool(self.limit.filter(record)) for record in records)


def test_a_flood_of_one_kind_is_bounded_and_hides_no_other() -> None:
    flood = Flood()
    assert flood.written(MAX_LINES) == MAX_LINES
    assert flood.written(1000) == 0
    assert flood.written(1, reason="bob 422") == 1
    assert flood.written(1, reason="alice 500") == 1
    assert flood.written(1, message="%s failed %d") == 1


def test_how_many_lines_were_left_out_is_logged_at_the_end_of_the_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flood = Flood()
    with caplog.at_level(logging.INFO, "inference"):
        flood.written(MAX_LINES + 7)
        flood.written(MAX_LINES, reason="bob 422")
        flood.now += WINDOW_SECONDS - 1
        flood.limit.report()
        assert caplog.records == []
        flood.now += 1
        flood.limit.report()
        assert [one.getMessage() for one in caplog.records] == [
            "7 more lines like 'x: 19' (alice 422) in 60 s were left out"
        ]
        assert flood.limit.filter(caplog.records[0])
    assert flood.written(1000) == MAX_LINES


def test_at_the_end_it_says_what_was_left_out_so_far(caplog: pytest.LogCaptureFixture) -> None:
    flood = Flood()
    flood.written(MAX_LINES + 1)
    with caplog.at_level(logging.INFO, "inference"):
        flood.limit.report(everything=True)
    assert "1 more lines like" in caplog.text


def test_the_number_of_kinds_is_bounded() -> None:
    flood = Flood()
    for number in range(MAX_KINDS):
        assert flood.written(1, reason=str(number)) == 1
    written = sum(flood.written(1, reason=f"further {number}") for number in range(100))
    assert written == MAX_LINES

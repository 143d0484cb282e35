"""The output of the load generators is parsed, and failed requests are never measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.load import ClosedLoop, OpenLoop, closed_loop, parse_closed, parse_open

WRK = """Running 5s test @ http://127.0.0.1:1/predict
  1 threads and 16 connections
Requests/sec:  12345.60

{"requests": 61728, "seconds": 5.000100, "p50_ms": 1.2340, "p99_ms": 2.5000, "failed": 0}
"""
K6 = """
{"requests":2501,"p50_ms":0.31,"p99_ms":1.07,"failed":0,"dropped":3}
"""


def test_a_closed_loop_is_parsed_from_the_last_line() -> None:
    assert parse_closed(WRK) == ClosedLoop(requests=61728, seconds=5.0001, p50_ms=1.234, p99_ms=2.5)


def test_an_open_loop_is_parsed_with_the_requests_that_were_not_sent() -> None:
    assert parse_open(K6) == OpenLoop(p50_ms=0.31, p99_ms=1.07, dropped=3)


def test_one_failed_request_is_too_many() -> None:
    with pytest.raises(CannotMeasure, match="7 of 61728 requests failed; see the server's log"):
        parse_closed(WRK.replace('"failed": 0', '"failed": 7'))
    with pytest.raises(CannotMeasure, match="1 of 2501 requests failed"):
        parse_open(K6.replace('"failed":0', '"failed":1'))


def test_no_request_at_all_is_an_error() -> None:
    with pytest.raises(CannotMeasure, match="0 of 0 requests failed"):
        parse_closed(WRK.replace("61728", "0"))


def test_the_output_of_a_generator_that_measured_nothing_is_quoted() -> None:
    with pytest.raises(CannotMeasure, match="measured nothing: 'unable to connect'"):
        parse_closed("unable to connect\n")


def test_without_wrk_the_error_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotMeasure, match="apt-get install wrk"):
        closed_loop("http://127.0.0.1:1/", Path("bodies"), 1)

"""The load generators: wrk for a closed loop, k6 for an open one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.inference import programs
from benchmarks.inference.errors import CannotMeasure

PROGRAMS = Path(programs.__file__).parent
CONNECTIONS = 16
RATE = 500
"""Requests a second of the open loop."""
SLACK_SECONDS = 60.0


@dataclass(frozen=True)
class Closed:
    """A closed loop: each of 16 connections sends its next request when it has its answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Open:
    """An open loop: requests leave at a constant rate, however long the answers take."""

    p50_ms: float
    p99_ms: float
    dropped: int
    """Requests that did not leave in time, because all connections waited for an answer."""


def closed_loop(url: str, bodies: Path, seconds: float) -> Closed:
    """POST the lines of `bodies` in turn over 16 connections. Raises CannotMeasure."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotMeasure("wrk is not here; install it, on Debian with `apt-get install wrk`")
    command = [
        *(wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "30s"),
        *("--duration", f"{max(1, round(seconds))}s"),
        *("--script", str(PROGRAMS / "closed.lua"), url, "--", str(bodies)),
    ]
    return parse_closed(_output(command, seconds))


def parse_closed(output: str) -> Closed:
    """What `closed.lua` printed last. Raises CannotMeasure where a request failed."""
    measured = _measured(output)
    return Closed(
        requests=int(measured["requests"]),
        seconds=measured["seconds"],
        p50_ms=measured["p50_ms"],
        p99_ms=measured["p99_ms"],
    )


def open_loop(k6: Path, url: str, bodies: Path, seconds: float) -> Open:
    """POST 500 of the lines of `bodies` a second. Raises CannotMeasure."""
    environment = {
        "ADDRESS": url,
        "BODIES": str(bodies),
        "RATE": str(RATE),
        "SECONDS": str(max(1, round(seconds))),
        "K6_NO_USAGE_REPORT": "true",
    }
    command = [str(k6), "run", "--quiet", "--no-color", str(PROGRAMS / "open.js")]
    return parse_open(_output(command, seconds, environment))


def parse_open(output: str) -> Open:
    """What `open.js` printed last. Raises CannotMeasure where a request failed."""
    measured = _measured(output)
    return Open(
        p50_ms=measured["p50_ms"], p99_ms=measured["p99_ms"], dropped=int(measured["dropped"])
    )


def _output(command: list[str], seconds: float, environment: dict[str, str] | None = None) -> str:
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds + SLACK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{name} did not end in time") from error
    if done.returncode:
        raise CannotMeasure(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _measured(output: str) -> dict[str, float]:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise CannotMeasure(f"the load generator measured nothing: {output.strip()[-500:]!r}")
    measured: dict[str, float] = json.loads(lines[-1])
    if measured["failed"] or not measured["requests"]:
        raise CannotMeasure(
            f"{measured['failed']:.0f} of {measured['requests']:.0f} requests failed; "
            "the server's log says why"
        )
    return measured

"""The load generators: wrk for a closed loop, k6 for an open loop."""

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
"""Requests per second of the open loop."""
EXTRA_SECONDS = 60.0


@dataclass(frozen=True)
class ClosedLoop:
    """Results of a closed loop: each of 16 connections sends again once it has its answer."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class OpenLoop:
    """Results of an open loop: requests are sent at a constant rate, however slow the answers."""

    p50_ms: float
    p99_ms: float
    dropped: int
    """Requests that were not sent in time, because all connections waited for an answer."""


def closed_loop(url: str, bodies: Path, seconds: float) -> ClosedLoop:
    """POST the lines of `bodies` in turn over 16 connections. Raises CannotMeasure."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotMeasure("wrk is not installed; on Debian: apt-get install wrk")
    command = [
        *(wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "30s"),
        *("--duration", f"{max(1, round(seconds))}s"),
        *("--script", str(PROGRAMS / "closed.lua"), url, "--", str(bodies)),
    ]
    return parse_closed(_output(command, seconds))


def parse_closed(output: str) -> ClosedLoop:
    """Parse the last line that closed.lua printed. Raises CannotMeasure if a request failed."""
    results = _parse(output)
    return ClosedLoop(
        requests=int(results["requests"]),
        seconds=results["seconds"],
        p50_ms=results["p50_ms"],
        p99_ms=results["p99_ms"],
    )


def open_loop(k6: Path, url: str, bodies: Path, seconds: float) -> OpenLoop:
    """POST 500 lines of `bodies` per second. Raises CannotMeasure."""
    environment = {
        "ADDRESS": url,
        "BODIES": str(bodies),
        "RATE": str(RATE),
        "SECONDS": str(max(1, round(seconds))),
        "K6_NO_USAGE_REPORT": "true",
    }
    command = [str(k6), "run", "--quiet", "--no-color", str(PROGRAMS / "open.js")]
    return parse_open(_output(command, seconds, environment))


def parse_open(output: str) -> OpenLoop:
    """Parse the last line that open.js printed. Raises CannotMeasure if a request failed."""
    results = _parse(output)
    return OpenLoop(
        p50_ms=results["p50_ms"], p99_ms=results["p99_ms"], dropped=int(results["dropped"])
    )


def _output(command: list[str], seconds: float, environment: dict[str, str] | None = None) -> str:
    name = Path(command[0]).name
    try:
        run = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds + EXTRA_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{name} did not end in time") from error
    if run.returncode:
        raise CannotMeasure(f"{name} ended with {run.returncode}: {run.stderr.strip()[-500:]}")
    return run.stdout


def _parse(output: str) -> dict[str, float]:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise CannotMeasure(f"the load generator measured nothing: {output.strip()[-500:]!r}")
    results: dict[str, float] = json.loads(lines[-1])
    if results["failed"] or not results["requests"]:
        raise CannotMeasure(
            f"{results['failed']:.0f} of {results['requests']:.0f} requests failed; "
            "see the server's log"
        )
    return results

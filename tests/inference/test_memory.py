"""Freed memory goes back to the operating system, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

from tests.places import REPOSITORY

PROGRAM = """
from pathlib import Path
from inference.memory import trim

def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

bodies = [b"x" * 1_000_000 for _ in range(10)]  # glibc raises its threshold as they are freed
del bodies
before = resident_mb()
bodies, last = [b"x" * 900_000 for _ in range(100)], b""
last = b"x" * 30_000
del bodies
kept = resident_mb()
trim()
print(kept - before, resident_mb() - before)
"""


def test_a_burst_of_bodies_leaves_no_memory_behind() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kept, left = map(float, ended.stdout.split())
    assert kept > 80
    assert left < 5

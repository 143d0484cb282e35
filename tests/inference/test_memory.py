"""Freed memory goes back to the operating system, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import REPOSITORY

PROGRAM = """
from pathlib import Path
from inference.memory import return_large_buffers, trim

def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

if {setting}:
    return_large_buffers()
bodies = [b"x" * 1_000_000 for _ in range(10)]  # glibc raises its threshold as they are freed
del bodies
before = resident_mb()
bodies, last = [b"x" * 900_000 for _ in range(100)], b""
last = b"x" * 30_000
del bodies
if {trimming}:
    trim()
print(resident_mb() - before)
"""


@pytest.mark.parametrize("trimming", [False, True])
@pytest.mark.parametrize("setting", [False, True])
def test_a_burst_of_bodies_leaves_no_memory_behind(setting: bool, trimming: bool) -> None:
    program = PROGRAM.format(setting=setting, trimming=trimming)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    grown = float(ended.stdout)
    assert (grown < 5) is (setting or trimming), grown

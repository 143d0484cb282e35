"""A Python program in a process of its own, and the most memory that it took."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.paths import REPOSITORY

# VmHWM starts anew with the program; `ru_maxrss` would begin with that of the process that forked.
_PROGRAM = """
import atexit
from pathlib import Path
atexit.register(lambda: print(Path("/proc/self/status").read_text()))
{}
"""


def peak_megabytes(program: str, environment: Mapping[str, str] | None = None) -> float:
    """The peak of the resident memory of a program that succeeds, without its children."""
    return measured(program, environment)[1]


def measured(
    program: str, environment: Mapping[str, str] | None = None, *, shows_errors: bool = False
) -> tuple[str, float]:
    """What a program that succeeds prints, and its peak as `peak_megabytes` gives it."""
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM.format(program)],
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=None if shows_errors else subprocess.DEVNULL,
        text=True,
        check=True,
    ).stdout
    printed, _, status = shown.partition("Name:\t")
    [kibibytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return printed, int(kibibytes) * 1024 / 1e6

"""The memory of a program."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks.growth.process import peak_megabytes


def test_the_peak_counts_what_was_given_back_and_not_this_process() -> None:
    here = b"x" * 400_000_000
    program = "import os; there = b'x' * int(os.environ['SIZE']); del there"
    peak = peak_megabytes(program, {"SIZE": "200000000"})
    assert len(here) > 1e6 * peak
    assert 200 < peak < 260


def test_a_program_that_fails_has_no_peak() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        peak_megabytes("raise SystemExit(2)")

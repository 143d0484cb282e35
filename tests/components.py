"""Programs that a test needs and that a machine may lack."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import NoReturn

import pytest

from tests.places import REPOSITORY


def missing(name: str, installation: str) -> NoReturn:
    """Skip the test, with a hint for the installation; fail it where REQUIRE_COMPONENTS is 1."""
    message = f"{name} is not installed: {installation}"
    if os.environ.get("REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def program(name: str, installation: str) -> str:
    """The path of a program; skips the test where it is not installed."""
    return shutil.which(name) or missing(name, installation)


def output_of(program: str, python: str = sys.executable, **variables: str) -> str:
    """What a Python program prints, without the environment variables of this machine or of CI."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **variables}
    command = [python, "-c", program]
    return subprocess.check_output(command, env=environment, text=True, timeout=120).strip()

"""Programs that a test needs and a machine may lack."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def missing(name: str, how_to_get: str) -> NoReturn:
    """Skip the test, saying how to get what is missing; fail where REQUIRE_COMPONENTS is 1."""
    message = f"{name} is not here: {how_to_get}"
    if os.environ.get("REQUIRE_COMPONENTS") == "1":
        pytest.fail(message)
    pytest.skip(message)


def program(name: str, how_to_get: str) -> str:
    """The path of a program, or a skip."""
    return shutil.which(name) or missing(name, how_to_get)

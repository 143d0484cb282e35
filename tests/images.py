"""The images, built for real, for tests that run them."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from benchmarks.containers import BUILD, LOCK, TAG, Failed, build
from registry.atomic import locked
from tests.places import shared_tool


def needs_images() -> None:
    """Build the images; skips the test where the program that can do it is not beside the checkout,
    or may not, since it needs root.

    Fails the test with what the build said where it fails.
    """
    shared_tool(BUILD.name)
    if os.geteuid() != 0:
        pytest.skip(f"{BUILD.name} needs root")
    if reason := _reason_of_failure():
        pytest.fail(reason)


@cache
def _reason_of_failure() -> str:
    try:
        build()
    except Failed as error:
        return str(error)
    return ""


def built(name: str, context: Path) -> str:
    """The image of another Dockerfile, such as of a server that cannot be pulled. Raises Failed."""
    image = f"{name}:{TAG}"
    with locked(LOCK):
        ended = subprocess.run(
            [BUILD, context, image, "--network=host"], capture_output=True, text=True, check=False
        )
    if ended.returncode:
        raise Failed(f"{name} is not built: {ended.stdout}{ended.stderr}")
    return f"localhost/{image}"

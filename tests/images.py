"""The images, built for real, for tests that run them."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.containers import BUILD, Failed, build
from tests.places import shared_tool


def needs_images() -> None:
    """Build the images; skips the test where the program that can do it is not beside the checkout.

    Fails the test with what the build said where it fails.
    """
    shared_tool(BUILD.name)
    if reason := _reason_of_failure():
        pytest.fail(reason)


@cache
def _reason_of_failure() -> str:
    try:
        build()
    except Failed as error:
        return str(error)
    return ""

"""Parsing JSON bodies, of which those with too many values are refused before they are parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic_core import from_json

COUNTED_BYTES = 1024 * 1024
"""Looked through in one call, in half a millisecond."""


class TooManyValues(Exception):
    """The body holds more than a request can need; the message states the bound."""


@dataclass(frozen=True)
class MaxValues:
    """Bounds of a body. Commas and brackets inside strings count too, to keep the count cheap.

    A megabyte of `[],[],…` takes 90 ms to parse, in which the interpreter does nothing else, and
    much longer to report as the input of each missing field.
    """

    values: int
    """Numbers, strings, names with their values, lists and objects."""
    containers: int
    """Lists and objects, which take longest to parse."""

    def check(self, body: bytes) -> None:
        """Raises TooManyValues."""
        if len(body) <= self.containers:  # most bodies, which need not be counted
            return
        containers = _count(body, b"[") + _count(body, b"{")
        if containers > self.containers:
            raise TooManyValues(f"the body has more than {self.containers} lists and objects")
        if containers + _count(body, b",") > self.values:
            raise TooManyValues(f"the body has more than {self.values} values")


def _count(body: bytes, character: bytes) -> int:
    """How often a character occurs, counted so that other threads get their turn."""
    pieces = range(0, len(body), COUNTED_BYTES)
    return sum(body.count(character, begin, begin + COUNTED_BYTES) for begin in pieces)


def parse(body: bytes) -> Any:
    """The document in a body. Raises ValueError where it is not JSON, with the position."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # It also reads NaN and infinity, whose fields are then named, and says where it stopped.
        return from_json(body)

"""Parsing the rows of a large table a few at a time, so that other threads get their turn.

orjson holds the interpreter while it parses, for 3 ms a megabyte. No text that is a complete JSON
object is the beginning of a longer one. So a piece that ends with a bracket, and is a list of rows
in brackets of its own, is the same rows where it was cut out.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

PIECE_BYTES = 64 * 1024
MAX_CUTS = 16
"""How many brackets are tried as the end of a piece: one may stand in a string, or within a row.
More than a row may have on average, see `inference.transaction.MAX_CONTAINERS_PER_ROW`."""
SPACE = rb"[ \t\n\r]*"
NEXT = re.compile(SPACE + rb"([,\]])")
TAIL = re.compile(SPACE + rb"\]" + SPACE + rb"\}" + SPACE)


class NotInPieces(Exception):
    """The body is not an object of nothing but a list of rows, or one is no valid JSON."""


def parse_rows(body: bytes, name: str) -> list[Any]:
    """The rows in `{"name": [row, …]}`, parsed some 64 kB at a time. Raises NotInPieces."""
    head = re.compile(rb'%b\{%b"%b"%b:%b\[' % (SPACE, SPACE, name.encode(), SPACE, SPACE))
    start, close = head.match(body), body.rfind(b"]")
    if start is None or not TAIL.fullmatch(body, close):
        raise NotInPieces(f'it must be {{"{name}": [...]}} and nothing else')
    rows: list[Any] = []
    begin = start.end()
    while begin <= close:
        piece, end = _piece(body, begin, close)
        following = NEXT.match(body, end)
        if not piece or following is None or (following[1] == b"]" and following.end() <= close):
            raise NotInPieces(f"there must be rows and a comma near byte {end}")
        rows += piece
        begin = following.end()
    return rows


def _piece(body: bytes, begin: int, close: int) -> tuple[list[Any], int]:
    """The rows from `begin` on, and where they end."""
    end = begin + PIECE_BYTES
    for _ in range(MAX_CUTS):
        end = body.find(b"}", end, close) + 1 or close
        try:
            return orjson.loads(b"[%b]" % body[begin:end]), end
        except orjson.JSONDecodeError:
            if end == close:
                break
    raise NotInPieces(f"the rows from byte {begin} to {end} are none")

"""Rows parsed in pieces are those that the parser reads in the whole body."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import json_rows
from inference.json_rows import NotInPieces, parse_rows

rows = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text('{}[]",\\: a\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}"]'), inner, max_size=3),
    max_leaves=8,
)


def parsed(body: bytes, piece_bytes: int) -> list[Any] | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "PIECE_BYTES", piece_bytes)
        try:
            return parse_rows(body, "rows")
        except NotInPieces:
            return None


@given(st.lists(st.dictionaries(st.text("ab"), st.integers(0, 9))), st.integers(0, 30))
def test_rows_are_parsed_whatever_the_size_of_a_piece(given: list[Any], piece_bytes: int) -> None:
    for option in (0, orjson.OPT_INDENT_2):
        body = orjson.dumps({"rows": given}, option=option)
        assert parsed(body, piece_bytes) == (given or None)


@given(st.lists(rows), st.integers(0, 30), st.data())
def test_what_is_parsed_in_pieces_is_what_the_body_holds(
    given: list[Any], piece_bytes: int, data: st.DataObject
) -> None:
    """Of damaged bodies too, with a byte removed or repeated."""
    body = orjson.dumps({"rows": given})
    at = data.draw(st.integers(0, len(body)))
    for one in (body, body[:at] + body[at + 1 :], body[:at] + body[at - 1 :]):
        found = parsed(one, piece_bytes)
        assert found is None or orjson.loads(one) == {"rows": found}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"rows": []}',
        b'{"rows": [{}],}',
        b'{"rows": [{},]}',
        b'{"rows": [{} {}]}',
        b'{"rows": [{}], "rows": [{}]}',
        b'{"rows": [{}]} {}',
        b'{"rows": [{}]]}',
        b'{"rows": [{}],[{}]}',
        b'{"rows": [{"a": "xxxxxxxxxx"}] {"b": 1}]}',
        b'{"rows": {"rows": [{}]}}',
        b'{"other": [{}]}',
    ],
)
def test_another_body_is_not_parsed(body: bytes) -> None:
    for piece_bytes in (0, 1, 2, 100):
        assert parsed(body, piece_bytes) is None


def test_a_piece_ends_behind_the_brackets_within_a_row() -> None:
    given: list[Any] = [{name: {} for name in "abcdefghi"}] * 3
    assert parsed(orjson.dumps({"rows": given}), 1) == given


def test_a_piece_ends_behind_a_bracket_in_a_string() -> None:
    given = [{"a": "}}}"}, {"b": {"c": [1]}}] * 3
    assert parsed(orjson.dumps({"rows": given}), 1) == given

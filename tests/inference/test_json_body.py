"""Values are counted before they are parsed."""

from __future__ import annotations

import pytest

from inference.json_body import MaxValues, TooManyValues, parse

BOUNDS = MaxValues(values=20, containers=5)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"0," * 18 + b"0]",
        b"[[],[],[],[]]",
        b'{"' + b"a" * 1000 + b'": 1}',
        b" " * 1000,
    ],
)
def test_as_many_values_as_allowed_pass(body: bytes) -> None:
    BOUNDS.check(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" + b"0," * 20 + b"0]", "the body has more than 20 values"),
        (b"[[],[],[],[],[]]", "the body has more than 5 lists and objects"),
        (b"[{},{},{},{},{}]", "the body has more than 5 lists and objects"),
        (b"{" * 6, "the body has more than 5 lists and objects"),
    ],
)
def test_more_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(TooManyValues) as refusal:
        BOUNDS.check(body)
    assert str(refusal.value) == said


@pytest.mark.parametrize(
    ("body", "value"), [(b'{"a": 1.5, "a": 2}', {"a": 2}), (b"[-Infinity]", [float("-inf")])]
)
def test_json_is_parsed(body: bytes, value: object) -> None:
    assert parse(body) == value


@pytest.mark.parametrize("body", [b"", b"{", b"[1,]", b"\xff", b"[" * 2000, b"1" * 5000])
def test_what_is_not_json_is_a_value_error_with_its_position(body: bytes) -> None:
    with pytest.raises(ValueError, match="at line 1 column"):
        parse(body)

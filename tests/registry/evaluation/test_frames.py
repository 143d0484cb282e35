"""Messages between two processes, and bytes that are none."""

from __future__ import annotations

from io import BytesIO

import pytest

from registry.evaluation.frames import receive, send


def test_a_message_arrives_as_it_was_sent() -> None:
    stream = BytesIO()
    send(stream, {"operation": "load", "opsets": {"ai.onnx": 21}}, b"", b"one\ntwo\x00")
    send(stream, {})
    stream.seek(0)
    header, parts = receive(stream, max_bytes=8)
    assert (header["operation"], header["opsets"]) == ("load", {"ai.onnx": 21})
    assert parts == [b"", b"one\ntwo\x00"]
    assert receive(stream)[1] == []
    with pytest.raises(EOFError):
        receive(stream)


def test_more_bytes_than_expected_are_not_read() -> None:
    stream = BytesIO()
    send(stream, {}, b"12345", b"6789")
    stream.seek(0)
    with pytest.raises(ValueError, match="more than 8 bytes"):
        receive(stream, max_bytes=8)


def test_a_message_that_is_cut_off_is_an_end() -> None:
    with pytest.raises(EOFError):
        receive(BytesIO(b'{"parts": [5]}\n1234'))


@pytest.mark.parametrize(
    "content",
    [b"junk\n", b"[]\n", b"{}\n", b'{"parts": 3}\n', b'{"parts": [-1]}\n', b'{"parts": ["x"]}\n'],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        receive(BytesIO(content), max_bytes=10)


def test_a_header_without_end_is_not_read_to_its_end() -> None:
    stream = BytesIO(b"[" * 1_000_000)
    with pytest.raises(ValueError, match="not a message"):
        receive(stream, max_bytes=10)
    assert stream.tell() == 65_536

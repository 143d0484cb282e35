"""Messages between an evaluation and the process that runs a model: a line of JSON, then bytes.

Never a pickle, which would let the process run code in the evaluation.
"""

from __future__ import annotations

import json
from typing import IO, Any

MAX_HEADER_BYTES = 65_536


def send(stream: IO[bytes], header: dict[str, Any], *parts: bytes) -> None:
    """Write one message. Raises OSError where nobody reads it."""
    line = json.dumps({**header, "parts": [len(part) for part in parts]})
    stream.write(line.encode() + b"\n")
    for part in parts:
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes], max_bytes: int | None = None) -> tuple[dict[str, Any], list[bytes]]:
    """Read one message, whose parts have no more than `max_bytes` together.

    Raises EOFError where the other side has ended, and ValueError for anything but a message.
    """
    line = stream.readline(MAX_HEADER_BYTES)
    if not line:
        raise EOFError
    try:
        header = json.loads(line)
        sizes = [int(size) for size in header["parts"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a message") from error
    if min(sizes, default=0) < 0:
        raise ValueError("not a message")
    if max_bytes is not None and sum(sizes) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes")
    return header, [_read(stream, size) for size in sizes]


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content

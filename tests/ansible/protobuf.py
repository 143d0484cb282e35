"""Reads a Secret in Kubernetes' protobuf encoding, in which helm sends those of its releases.

Source: the field numbers of k8s.io/api/core/v1/generated.proto, apimachinery's meta/v1 and runtime.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from typing import Any

MAGIC = b"k8s\0"


def read_secret(body: bytes) -> dict[str, Any]:
    """The Secret as it would be in JSON. Raises ValueError for a body of another kind."""
    unknown = _fields(body.removeprefix(MAGIC))
    if _text(_fields(unknown[1][0]), 2) != "Secret":
        raise ValueError("not a Secret")
    secret = _fields(unknown[2][0])
    metadata = _fields(secret[1][0])
    labels = {name.decode(): value.decode() for name, value in _map(metadata[11])}
    data = {name.decode(): base64.b64encode(value).decode() for name, value in _map(secret[2])}
    return {
        "metadata": {"name": _text(metadata, 1), "namespace": _text(metadata, 3), "labels": labels},
        "data": data,
        "type": _text(secret, 3),
    }


def _map(entries: list[bytes]) -> list[tuple[bytes, bytes]]:
    pairs = [_fields(entry) for entry in entries]
    return [(pair[1][0], pair[2][0]) for pair in pairs]


def _text(fields: dict[int, list[bytes]], number: int) -> str:
    return fields[number][0].decode() if fields[number] else ""


def _fields(message: bytes) -> dict[int, list[bytes]]:
    """Field number → the values of a message that have a length; numbers are passed over."""
    found: dict[int, list[bytes]] = defaultdict(list)
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            _, at = _varint(message, at)
        elif key & 7 == 2:
            length, at = _varint(message, at)
            found[key >> 3].append(message[at : at + length])
            at += length
        else:
            raise ValueError(f"wire type {key & 7}")
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at

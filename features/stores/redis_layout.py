"""What the Redis store keeps, byte by byte, and the keys under which it does.

An entity has a string `f1:KIND{HASH}`: the total of the amounts before its first transaction, 8
bytes, and then one record per transaction, in order of time and of arrival:

    time 7, label 1, id 6, total of the amounts up to here 8

`f1:KIND{HASH}:f` holds the times of its frauds, 7 bytes each, and is absent where there are none.
Ids are in 65,536 strings `f1:id:KINDS:BUCKET`: the newest time in it, 7 bytes, and one record per
transaction, in order of arrival:

    time 7, label 1, id 6, hash of its entity of each kind 9

Numbers are big-endian, times are in microseconds. A label is 0 while it is unknown; afterwards it
grows with every reversal, and is odd for a fraud. Names and ids are not kept: an entity is known by
72 bits of a BLAKE2b hash (RFC 7693), an id by 64, 16 of which are its bucket. The braces make Redis
Cluster keep the keys of one entity on one node.
"""

from __future__ import annotations

import math
from binascii import b2a_base64
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from features.amounts import units_of
from features.online import Seen, Transaction, Window
from features.stores.outcomes import Past

HEAD = 14
"""Bytes of time, label and id."""
RECORD = 22
"""Bytes of a transaction in the history of an entity."""
EXACT_BYTES = 2048
"""A shorter string is written as a whole: Redis then gives it no room to grow, but its log and its
replicas get all of it for each transaction."""
PREFIX = b"f1:"
MAX_TIME = 2**53
"""Of a transaction, in microseconds from 1970: in the year 2255. Lua's numbers are doubles."""
_HASH_BYTES = 9
_NO_ENTITY = bytes(_HASH_BYTES)
_CACHED = 100_000
"""Entities whose keys a process remembers: 30 MB."""
_HEADER, _EDGE, _LABELLED_EDGE = Struct(">iQ"), Struct(">iQ"), Struct(">iQiqq")
_UNITS, _SETTINGS = Struct(">q"), Struct(">qqqBB")


class Entity(NamedTuple):
    """The key of its history, and the hash that the records of its ids hold."""

    key: bytes
    hash: bytes


class Recorded(NamedTuple):
    """The record of an id; None where an entity is not known."""

    time: bytes
    label: int
    id: bytes
    entities: tuple[Entity | None, ...]


class Layout:
    """Keys and records of a store with these kinds of entities."""

    def __init__(self, kinds: tuple[str, ...], hash_key: bytes) -> None:
        self.kinds, self._hash_key = kinds, hash_key
        digest = blake2b("\0".join(kinds).encode(), digest_size=3).digest()
        self.ids_prefix = PREFIX + b"id:" + b2a_base64(digest, newline=False) + b":"
        self.id_bytes = HEAD + _HASH_BYTES * len(kinds)
        """Bytes of the record of an id."""
        self.entity = lru_cache(maxsize=_CACHED)(self._entity)

    def of_id(self, transaction_id: str) -> tuple[bytes, bytes]:
        """The key of its bucket, and the rest of its hash."""
        digest = blake2b(transaction_id.encode(), digest_size=8, key=self._hash_key).digest()
        return self.ids_prefix + digest[:2].hex().encode(), digest[2:]

    def entities(self, transaction: Transaction) -> tuple[Entity | None, ...]:
        return tuple(
            [
                None if name is None else self.entity(kind, name)
                for kind, name in zip(self.kinds, transaction.entities, strict=True)
            ]
        )

    def recorded(self, record: bytes) -> Recorded:
        hashes = [record[at : at + _HASH_BYTES] for at in range(HEAD, self.id_bytes, _HASH_BYTES)]
        entities = [
            None if hash_ == _NO_ENTITY else _entity(kind, hash_)
            for kind, hash_ in zip(self.kinds, hashes, strict=True)
        ]
        return Recorded(record[:7], record[7], record[8:HEAD], tuple(entities))

    def _entity(self, kind: str, name: str) -> Entity:
        text = f"{kind}\0{name}".encode()
        hash_ = blake2b(text, digest_size=_HASH_BYTES, key=self._hash_key).digest()
        return _entity(kind, hash_)


def _entity(kind: str, hash_: bytes) -> Entity:
    tag = b2a_base64(hash_, newline=False)
    return Entity(b"%s%s{%s}" % (PREFIX, kind.encode(), tag), hash_)


def head(time: int, label: int, id_: bytes) -> bytes:
    """Time, label and id of a transaction, as all records begin."""
    return time.to_bytes(7, signed=True) + bytes((label,)) + id_


def id_record(start: bytes, entities: tuple[Entity | None, ...]) -> bytes:
    """The record of an id; `start` is what `head` gives."""
    return start + b"".join([_NO_ENTITY if each is None else each.hash for each in entities])


def counted(*records: bytes) -> bytes:
    """Records of one key behind their number, as scripts for many keys take them."""
    return len(records).to_bytes(2) + b"".join(records)


def amount_bytes(units: int) -> bytes:
    return _UNITS.pack(units)


def checked_units(transaction: Transaction) -> int:
    """The amount of a transaction in 1/10,000.

    Raises ValueError for an amount or a time that cannot be counted.
    """
    if not -MAX_TIME < transaction.time < MAX_TIME:
        raise ValueError("the time must be before the year 2255")
    return units_of(transaction.amount)


@lru_cache(maxsize=256)
def spans(windows: tuple[Window, ...]) -> tuple[int, ...]:
    """Microseconds before a transaction at which its windows begin or end, the shortest first."""
    return tuple(sorted({each for window in windows for each in window} - {0}))


def has_labels(windows: tuple[Window, ...]) -> bool:
    """Whether what labels say is in one of them."""
    return any(window.end for window in windows)


@lru_cache(maxsize=256)
def settings(
    windows: tuple[Window, ...], lateness: int, keep: int, seconds: int, is_dry: bool
) -> bytes:
    """What the script `ADD` is told beside a record, in one argument: redis-py takes a microsecond
    for each.
    """
    start = _SETTINGS.pack(lateness, keep, seconds, has_labels(windows), is_dry)
    return start + b"".join([_UNITS.pack(span) for span in spans(windows)])


def seen(reply: bytes, windows: tuple[Window, ...], time: int, units: int) -> list[Seen]:
    """What windows hold, from what the script `ADD` says behind its status."""
    place, total = _HEADER.unpack_from(reply)
    edge = _LABELLED_EDGE if has_labels(windows) else _EDGE
    edges = dict(zip(spans(windows), edge.iter_unpack(reply[_HEADER.size :]), strict=True))
    found = []
    for window in windows:
        start = edges[window.start]
        if not window.end:
            sum_of_units = _signed(total + units - start[1])
            found.append(Seen(place + 1 - start[0], sum_of_units, 0, None, None))
            continue
        end, earliest = edges[window.end], time - window.start
        found.append(
            Seen(
                end[0] - start[0],
                _signed(end[1] - start[1]),
                end[2] - start[2],
                end[3] if end[3] > earliest else None,
                end[4] if end[4] > earliest else None,
            )
        )
    return found


def past(history: bytes, limit: int, keep: int) -> list[Past]:
    """The newest transactions, newest first, from the last bytes of a history."""
    found: list[Past] = []
    for at in range(len(history) - RECORD, 7, -RECORD):
        time = int.from_bytes(history[at : at + 7], signed=True)
        if len(found) == limit or (found and time < found[0].time - keep):
            break
        total = int.from_bytes(history[at + HEAD : at + RECORD])
        label = history[at + 7]
        fraud = bool(label % 2) if label else None
        found.append(Past(time, _signed(total - int.from_bytes(history[at - 8 : at])), fraud))
    return found


def whole_seconds(microseconds: int) -> int:
    return max(1, math.ceil(microseconds / 1_000_000))


def _signed(difference: int) -> int:
    """A difference of totals that wrap around at 2⁶⁴."""
    return (difference + 2**63) % 2**64 - 2**63

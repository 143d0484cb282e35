"""The table of recorded transactions, one slot each, in arrays of whole numbers.

A slot has 25 bytes and four for each further kind of entity, and four more in the index that finds
it by its transaction id. Text is not kept: an id is known by its 64-bit BLAKE2b hash (RFC 7693), so
that one of 2⁶⁴ / n new transactions is taken for one of n that are kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort_left
from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from features.amounts import Ints

Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]
Labels = np.ndarray[tuple[int], np.dtype[np.uint8]]
Numbers = np.ndarray[tuple[int], np.dtype[np.uint32]]

UNKNOWN, GENUINE, FRAUD = 0, 1, 2
"""The label of a transaction."""
_BUCKETS = 1 << 14
"""Of the index, 2 MB; at ten million transactions each holds 600, and is searched in ten steps.
"""
NO_OWNER = 0


class Events:
    """Slots of transactions: time, owner of each kind, label.

    The number of a slot says nothing about its time: those of expired transactions are used again.
    """

    def __init__(self, kinds: int, hash_key: bytes = b"") -> None:
        """`hash_key`: up to 64 bytes without which nobody can choose ids with the same hash."""
        self.times = array("q")
        self.labels = array("B")
        self.owners = tuple(array("I") for _ in range(kinds))
        self.hashes = array("Q")
        self._buckets: list[array[int] | None] = [None] * _BUCKETS
        self._free = array("I")
        self._hasher = blake2b(digest_size=8, key=hash_key)
        # Kept, because each step of a search calls one: the arrays grow in place.
        self.time_at: Callable[[int], int] = self.times.__getitem__
        self._hash_at: Callable[[int], int] = self.hashes.__getitem__

    def __len__(self) -> int:
        return len(self.times) - len(self._free)

    @property
    def slots(self) -> int:
        """How many slots there are, used or free."""
        return len(self.times)

    def hash_of(self, transaction_id: str) -> int:
        hasher = self._hasher.copy()
        hasher.update(transaction_id.encode())
        return int.from_bytes(hasher.digest())

    def find(self, hash_: int) -> int | None:
        """The slot of the transaction with this hash of its id."""
        bucket = self._buckets[hash_ % _BUCKETS]
        if bucket is None:
            return None
        place = bisect_left(bucket, hash_, key=self._hash_at)
        if place < len(bucket) and self.hashes[slot := bucket[place]] == hash_:
            return slot
        return None

    def fill(self, times: Ints, labels: Labels, hashes: Hashes, owners: Sequence[Numbers]) -> None:
        """Slots 0, 1 and so on, where there are none yet, with different hashes."""
        self.times.frombytes(times.tobytes())
        self.labels.frombytes(labels.tobytes())
        self.hashes.frombytes(hashes.tobytes())
        for column, numbers in zip(self.owners, owners, strict=True):
            column.frombytes(numbers.tobytes())
        slots = np.lexsort((hashes, hashes % np.uint64(_BUCKETS))).astype(np.uint32)
        numbers, starts = np.unique(hashes[slots] % np.uint64(_BUCKETS), return_index=True)
        of_buckets = np.split(slots, starts[1:])
        for bucket, of_bucket in zip(numbers.tolist(), of_buckets, strict=False):
            self._buckets[bucket] = array("I", of_bucket.tobytes())

    def add(self, hash_: int, time: int, owners: list[int], label: int = UNKNOWN) -> int:
        """A new slot; the hash must not have one."""
        if self._free:
            slot = self._free.pop()
            self.times[slot], self.labels[slot], self.hashes[slot] = time, label, hash_
            for column, owner in zip(self.owners, owners, strict=True):
                column[slot] = owner
        else:
            slot = len(self.times)
            self.times.append(time)
            self.labels.append(label)
            self.hashes.append(hash_)
            for column, owner in zip(self.owners, owners, strict=True):
                column.append(owner)
        bucket = self._buckets[hash_ % _BUCKETS]
        if bucket is None:
            bucket = self._buckets[hash_ % _BUCKETS] = array("I")
        insort_left(bucket, slot, key=self._hash_at)
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot that is in use. No entity may list it any more."""
        hash_ = self.hashes[slot]
        bucket = self._buckets[hash_ % _BUCKETS]
        assert bucket is not None  # noqa: S101  (the slot is in it)
        del bucket[bisect_left(bucket, hash_, key=self._hash_at)]
        for column in self.owners:
            column[slot] = NO_OWNER
        self._free.append(slot)

    def is_free(self, slot: int) -> bool:
        """Whether the slot holds no transaction: one that does has an owner."""
        return not any(column[slot] for column in self.owners)

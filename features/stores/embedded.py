"""The embedded store: histories in this process, with a journal and snapshots in a folder.

Nothing is lost when the process ends, and what was not synced yet (a second's changes, or none)
when power fails. What cannot be written is not recorded: the store is away until it can.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from features.online import Transaction
from features.stores.folder import holds_store, no_compaction, own, read_folder
from features.stores.journal import Journal
from features.stores.memory import MemoryStore, Windows
from features.stores.outcomes import Answer, LabelOutcome, NotLoaded, Past
from features.stores.restore import restored
from features.stores.store import Stats
from features.stores.table import Head, Table
from registry.errors import UsageError

_LOADED_AT_ONCE = 1_000
"""Transactions between which other tasks of the process have their turn."""


class EmbeddedStore:
    """The `Store` of one process. It is used in one event loop."""

    def __init__(
        self,
        memory: MemoryStore,
        head: Head,
        journal: Journal | None = None,
        lock: int | None = None,
    ) -> None:
        self._memory, self._head, self._journal, self._lock = memory, head, journal, lock
        self._waits_for = journal if journal is not None and journal.waits else None
        if journal is not None:
            memory.write = journal.write

    @classmethod
    def open(
        cls,
        folder: Path | None,
        kinds: Sequence[str],
        *,
        reach: int,
        lateness: int,
        sync_seconds: float = 1,
        is_read_only: bool = False,
    ) -> EmbeddedStore:
        """A store of what the folder holds, which is made if necessary; without one, an empty one.

        `kinds`, `reach` and `lateness` as for `MemoryStore`. `sync_seconds`: how many seconds of
        changes a power failure may take; 0: none, each waits until it is on disk.

        What a folder keeps is never kept for a shorter time than before: its reach grows by what
        the reach and lateness given here are less than those that it has.

        With `is_read_only` the folder must hold a store, which keeps its own reach and lateness;
        changes are lost, and no file is written, but that a half-written last line is cut off.

        Raises UsageError if another process has the folder, or it holds other kinds of entities or
        none, VerificationError if a file is damaged, and OSError.
        """
        head = Head(tuple(kinds), reach, lateness, secrets.token_hex(16))
        if folder is None:
            return cls(restored(Table.empty(head)), head)
        if is_read_only and not holds_store(folder):
            raise UsageError(f"{folder} holds no store: fill one by `python -m features load`")
        lock = own(folder)
        try:
            with no_compaction(folder):
                fold, last = read_folder(folder)
            table = Table.empty(head)
            if fold is not None:
                if set(fold.head.kinds) != set(kinds):
                    raise UsageError(
                        f"{folder} holds histories of {', '.join(sorted(fold.head.kinds))}, not of "
                        f"{', '.join(sorted(kinds))}: fill another folder by "
                        "`python -m features load`"
                    )
                kept = fold.head
                if is_read_only:
                    reach, lateness = kept.reach, kept.lateness
                reach = max(reach, kept.reach + kept.lateness - lateness)
                head = Head(tuple(kinds), reach, lateness, kept.hash_key)
                table = fold.table(head)
            del fold
            journal = None
            if not is_read_only:
                journal = Journal(folder, last + 1, head, sync_seconds=sync_seconds)
        except BaseException:
            os.close(lock)
            raise
        return cls(restored(table), head, journal, lock)

    @property
    def kinds(self) -> tuple[str, ...]:
        return self._memory.kinds

    @property
    def lateness(self) -> int:
        return self._memory.lateness

    async def add(self, transaction: Transaction, windows: Windows) -> Answer:
        answer = self._memory.add(transaction, windows)
        if self._waits_for is not None:
            await self._waits_for.synced()
        return answer

    async def peek(self, transaction: Transaction, windows: Windows) -> Answer:
        return self._memory.peek(transaction, windows)

    async def label(self, transaction_id: str, *, fraud: bool) -> LabelOutcome:
        outcome = self._memory.label(transaction_id, fraud=fraud)
        if self._waits_for is not None:
            await self._waits_for.synced()
        return outcome

    async def past(self, kind: str, name: str, limit: int) -> list[Past]:
        return self._memory.past(kind, name, limit)

    async def load(self, transactions: Iterable[tuple[Transaction, bool | None]]) -> int:
        new = 0
        for number, (transaction, fraud) in enumerate(transactions, 1):
            try:
                new += self._memory.load(transaction, fraud=fraud)
            except ValueError as error:
                raise NotLoaded(transaction, error) from error
            if number % _LOADED_AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._waits_for is not None:
            await self._waits_for.synced()
        return new

    async def stats(self) -> Stats:
        memory = self._memory
        return Stats(
            len(memory),
            {kind: memory.entities(kind) for kind in memory.kinds},
            memory.newest,
            memory.complete_since,
            None,
        )

    async def complete_from(self, time: int) -> None:
        self._memory.complete_from(time)
        if self._waits_for is not None:
            await self._waits_for.synced()

    async def complete_since(self) -> int | None:
        return self._memory.complete_since

    async def keep(self, reach: int, newest: int) -> None:  # noqa: ARG002  (it knows the newest)
        if self._memory.keep(reach):
            self._head = replace(self._head, reach=reach)
            if self._journal is not None:
                self._journal.begin(self._head)

    async def close(self) -> None:
        try:
            if self._journal is not None:
                await self._journal.close()
        finally:
            if self._lock is not None:
                os.close(self._lock)

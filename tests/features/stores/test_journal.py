"""The segments of the journal: when one is closed, and when many are made into a snapshot."""

from __future__ import annotations

import asyncio
import errno
import sys
from pathlib import Path

import pytest

from features.stores import journal
from features.stores.folder import segments, snapshots
from tests.features.stores.test_embedded import kept, opened
from tests.features.stores.test_folder import record
from tests.features.stores.test_memory import WINDOWS, at
from tests.waiting import wait_until


def test_a_change_is_one_line(tmp_path: Path) -> None:
    async def change() -> None:
        store = opened(tmp_path)
        await store.add(at(0, "a", 1.5, shop=None), WINDOWS)
        await store.add(at(0, "a", 1.5, shop=None), WINDOWS)
        await store.label("a", fraud=True)
        await store.label("a", fraud=True)
        await store.complete_from(7)
        await store.close()

    asyncio.run(change())
    head, *lines = segments(tmp_path)[1].read_text().splitlines()
    assert head.startswith(
        '{"format":"fraud history journal 1","kinds":["card","shop"],"reach":259200000000,'
        '"lateness":86400000000,"hash_key":"'
    )
    hash_ = lines[0].split(",")[1]
    assert lines == [
        f'["t",{hash_},1767225600000000,15000,0,"c",null]',
        f'["l",{hash_},1767225600000000,2]',
        '["c",7]',
    ]


def test_where_no_segment_can_be_begun_the_old_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "SEGMENT_BYTES", 1000)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def add() -> None:
        store = opened(tmp_path)
        monkeypatch.setattr(journal, "atomic_write", fail)
        for number in range(20):
            await store.add(at(0, str(number)), WINDOWS)
        await store.close()

    asyncio.run(add())
    assert caplog.text.count("no new segment of the journal: [Errno 28] No space left") == 1
    assert list(segments(tmp_path)) == [1]
    monkeypatch.undo()
    assert len(asyncio.run(kept(tmp_path, *map(str, range(20))))) == 20


def test_the_segments_that_restarts_left_are_made_into_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_CLOSED", 2)
    record(tmp_path, "a")
    record(tmp_path, "b")

    async def wait() -> None:
        store = opened(tmp_path)
        await asyncio.to_thread(wait_until, lambda: list(segments(tmp_path)) == [3])
        await store.close()

    asyncio.run(wait())
    assert list(snapshots(tmp_path)) == [2]
    assert asyncio.run(kept(tmp_path, "a", "b")) == ["a", "b"]


def test_a_compaction_that_failed_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "MAX_CLOSED", 1)
    record(tmp_path, "a")
    monkeypatch.setattr(sys, "executable", "false")

    async def add() -> None:
        store = opened(tmp_path, sync_seconds=0)
        for number in range(1000):
            await store.add(at(0, str(number)), WINDOWS)
            if "compaction failed" in caplog.text:
                break
            await asyncio.sleep(0.01)
        await store.add(at(0, "one more"), WINDOWS)
        await store.close()

    asyncio.run(add())
    assert caplog.text.count("compaction failed with exit code 1: the folder grows") == 1

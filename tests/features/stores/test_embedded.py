"""The embedded store after a restart, a kill, a full disk and a power failure."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.online import Transaction
from features.stores.compact import compact
from features.stores.embedded import EmbeddedStore
from features.stores.folder import segments
from features.stores.outcomes import LabelOutcome, OutOfRange
from features.stores.store import StoreUnavailable
from registry.errors import UsageError
from tests.features.stores.test_memory import DAY, NOW, WINDOWS, at
from tests.places import REPOSITORY

KINDS = ("card", "shop")
SETTINGS = {"reach": 3 * DAY, "lateness": DAY}


def opened(folder: Path | None, kinds: Sequence[str] = KINDS, **changed: Any) -> EmbeddedStore:
    return EmbeddedStore.open(folder, kinds, **{**SETTINGS, **changed})


# Three quarters of a day apart, so that some come late, too late, or expire. What comes again has
# the same content as before, or another time: soon after, or when the first is long forgotten.
additions = st.tuples(
    st.just("add"), st.integers(0, 12), st.sampled_from([0, 0, 0, 1, 24]), st.booleans()
)
labels = st.tuples(st.just("label"), st.integers(0, 12), st.booleans())
restarts = st.tuples(st.just("restart"), st.booleans())
operations = st.lists(st.one_of(additions, additions, additions, labels, restarts), max_size=40)


async def outcome(store: EmbeddedStore, operation: Any) -> Any:
    match operation:
        case ("add", number, later, with_shop):
            time = NOW + (3 * number + later) * DAY // 4
            entities = (["c", "d", None][number % 3], "s" if with_shop else None)
            transaction = Transaction(str(number), time, number / 4, entities)
            try:
                return await store.add(transaction, WINDOWS)
            except ValueError as error:
                return repr(error)
        case ("label", number, fraud):
            return await store.label(str(number), fraud=fraud)


async def past_of(store: EmbeddedStore) -> Any:
    stats = await store.stats()
    entities = [("card", "c"), ("card", "d"), ("shop", "s")]
    past = [await store.past(kind, name, 100) for kind, name in entities]
    return past, stats.newest, stats.complete_since


@settings(max_examples=60)
@given(operations)
def test_a_store_that_was_restarted_answers_as_one_that_never_was(performed: list[Any]) -> None:
    async def compare(folder: Path) -> None:
        lasting, restarted = opened(None), opened(folder)
        for store in (lasting, restarted):
            await store.complete_from(NOW)
        for operation in performed:
            if operation[0] == "restart":
                await restarted.close()
                if operation[1]:
                    compact(folder, max(segments(folder)))
                restarted = opened(folder)
            else:
                assert await outcome(restarted, operation) == await outcome(lasting, operation)
        assert await past_of(restarted) == await past_of(lasting)
        await restarted.close()

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        asyncio.run(compare(Path(folder)))


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def kept(folder: Path, *ids: str) -> list[str]:
    """Which of these transactions a store has, after a restart."""
    store = opened(folder)
    found = [(await store.label(id_, fraud=True)).result != "unknown" for id_ in ids]
    await store.close()
    return [id_ for id_, is_kept in zip(ids, found, strict=True) if is_kept]


ADDING = """
import asyncio
from pathlib import Path
from tests.features.stores.test_embedded import opened
from tests.features.stores.test_memory import WINDOWS, at

async def add() -> None:
    store = opened(Path({folder!r}))
    for number in range(1_000_000):
        await store.add(at(number / 1_000_000, str(number)), WINDOWS)
        print(number, flush=True)

asyncio.run(add())
"""


def test_whatever_was_answered_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    script = ADDING.format(folder=str(tmp_path / "store"))
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    answered = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    answered += map(int, process.stdout.read().splitlines())
    process.stdout.close()
    process.wait()

    async def look() -> None:
        store = opened(tmp_path / "store")
        count = len(answered)
        assert (await store.stats()).transactions in (count, count + 1)
        again = await store.add(at((count - 1) / 1_000_000, str(count - 1)), WINDOWS)
        assert again.repeated
        assert again.seen["card"] == [(count, count * 100_000, 0, None, None)]
        await store.close()

    assert answered == list(range(len(answered)))
    run(look())


def test_without_a_delay_all_that_wait_together_wait_for_one_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    async def add() -> None:
        store = opened(tmp_path, sync_seconds=0)
        [file] = segments(tmp_path).values()
        monkeypatch.setattr(os, "fsync", lambda _: synced.append(file.stat().st_size))
        await asyncio.gather(*(store.add(at(0, str(number)), WINDOWS) for number in range(50)))
        assert synced == [file.stat().st_size]
        await store.add(at(0, "0"), WINDOWS)
        assert len(synced) == 1
        await store.add(at(0, "one more"), WINDOWS)
        assert synced[1:] == [file.stat().st_size]
        await store.close()

    run(add())


def test_what_waits_for_an_fsync_when_the_store_is_closed_is_answered(tmp_path: Path) -> None:
    async def add() -> None:
        store = opened(tmp_path, sync_seconds=0)
        adding = asyncio.create_task(store.add(at(0, "a"), WINDOWS))
        await asyncio.sleep(0)
        await store.close()
        assert not (await adding).repeated

    run(add())


def test_within_the_delay_changes_are_synced_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add() -> None:
        store, synced = opened(tmp_path, sync_seconds=0.001), asyncio.Event()
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(os, "fsync", lambda _: loop.call_soon_threadsafe(synced.set))
        await store.add(at(0, "a"), WINDOWS)
        assert not synced.is_set()
        await asyncio.wait_for(synced.wait(), 60)
        await store.close()

    run(add())


def test_after_a_failed_fsync_nothing_is_recorded_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def add() -> None:
        store = opened(tmp_path, sync_seconds=0)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(StoreUnavailable, match="Input/output error; start the service"):
                await store.add(at(0, "a"), WINDOWS)
        with pytest.raises(StoreUnavailable, match="start the service again"):
            await store.add(at(0, "b"), WINDOWS)
        await store.close()
        assert await kept(tmp_path, "a", "b") == ["a"]

    run(add())
    assert "Input/output error; start the service again" in caplog.text


def test_without_a_free_handle_what_was_written_is_synced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []

    def fail(_: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    async def add() -> None:
        store = opened(tmp_path, sync_seconds=0)
        [file] = segments(tmp_path).values()
        monkeypatch.setattr(os, "fsync", lambda _: synced.append(file.stat().st_size))
        with monkeypatch.context() as patch:
            patch.setattr(os, "dup", fail)
            await store.add(at(0, "a"), WINDOWS)
        assert synced == [file.stat().st_size]
        await store.add(at(0, "b"), WINDOWS)
        assert synced[1:] == [file.stat().st_size]
        await store.close()

    run(add())


def test_on_a_full_disk_nothing_is_recorded_and_once_there_is_room_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 10
    write = os.write

    def write_what_fits(handle: int, content: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(handle, content[:room])
        room -= written
        return written

    async def add() -> None:
        nonlocal room
        store = opened(tmp_path)
        await store.add(at(0, "a"), WINDOWS)
        monkeypatch.setattr(os, "write", write_what_fits)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="No space left on device"):
                await store.add(at(0.1, "b", card="new"), WINDOWS)
            with pytest.raises(StoreUnavailable):
                await store.label("a", fraud=True)
        stats = await store.stats()
        assert (stats.transactions, stats.entities, stats.newest) == (
            1,
            {"card": 1, "shop": 1},
            NOW,
        )
        room = 1000
        await store.add(at(0.2, "c"), WINDOWS)
        assert (await store.label("a", fraud=True)).result == "recorded"
        await store.close()
        assert await kept(tmp_path, "a", "b", "c") == ["a", "c"]

    run(add())


def test_a_name_that_is_not_unicode_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    async def add() -> None:
        store = opened(tmp_path)
        with pytest.raises(ValueError, match="cannot be written as UTF-8"):
            await store.add(at(0, "a", card="\ud800"), WINDOWS)
        stats = await store.stats()
        assert (stats.transactions, stats.newest) == (0, None)
        await store.close()

    run(add())


def test_a_folder_belongs_to_one_process_and_one_set_of_entities(tmp_path: Path) -> None:
    async def use() -> None:
        store = opened(tmp_path)
        await store.add(at(0, "a", card="c", shop="s"), WINDOWS)
        with pytest.raises(UsageError, match="in use by another process: stop it first"):
            opened(tmp_path)
        await store.close()
        with pytest.raises(UsageError, match="holds histories of card, shop, not of card, device"):
            opened(tmp_path, ["device", "card"])
        turned = opened(tmp_path, ["shop", "card"])
        assert turned.kinds == ("shop", "card")
        assert len(await turned.past("card", "c", 9)) == len(await turned.past("shop", "s", 9)) == 1
        await turned.close()
        assert await kept(tmp_path, "a") == ["a"]

    run(use())


async def with_one_expired(folder: Path) -> EmbeddedStore:
    """A store that was complete from the time of a transaction that it does not keep any more."""
    store = opened(folder)
    await store.complete_from(NOW)
    await store.add(at(0, "a"), WINDOWS)
    await store.add(at(10, "b"), WINDOWS)
    return store


def test_after_a_restart_with_a_longer_reach_it_is_complete_from_what_was_kept_before(
    tmp_path: Path,
) -> None:
    async def use() -> None:
        store = await with_one_expired(tmp_path)
        assert (await store.stats()).complete_since == NOW + 6 * DAY
        await store.close()
        store = opened(tmp_path, reach=30 * DAY)
        assert (await store.stats()).complete_since == NOW + 6 * DAY
        assert (await store.label("a", fraud=True)).result == "unknown"
        await store.load([(at(0, "a"), None)])
        await store.complete_from(NOW)
        await store.close()
        store = opened(tmp_path, reach=30 * DAY)
        assert (await store.stats()).complete_since == NOW
        assert (await store.label("a", fraud=True)).result == "recorded"
        await store.close()

    run(use())


def test_told_to_keep_more_it_is_complete_from_what_it_had_kept_and_remembers_that(
    tmp_path: Path,
) -> None:
    async def use() -> None:
        store = await with_one_expired(tmp_path)
        await store.keep(6 * DAY, 0)
        await store.keep(30 * DAY, 0)
        assert await store.complete_since() == NOW + 6 * DAY
        await store.add(at(20, "c"), WINDOWS)
        assert await store.complete_since() == NOW + 6 * DAY
        await store.close()
        for reach in (3 * DAY, 30 * DAY):
            store = opened(tmp_path, reach=reach)
            assert await store.complete_since() == NOW + 6 * DAY
            assert (await store.label("b", fraud=True)).result != "unknown"
            await store.close()

    run(use())


def test_a_shorter_reach_or_lateness_forgets_nothing_and_to_read_changes_nothing(
    tmp_path: Path,
) -> None:
    async def count(**changed: Any) -> int:
        store = opened(tmp_path, **changed)
        found = (await store.stats()).transactions
        await store.close()
        return found

    async def use() -> None:
        with pytest.raises(UsageError, match="holds no store: fill one by"):
            opened(tmp_path / "mistyped", is_read_only=True)
        assert not (tmp_path / "mistyped").exists()

        store = opened(tmp_path, reach=37 * DAY)
        await store.load([(at(day, str(day)), None) for day in range(39)])
        await store.close()
        assert await count(reach=37 * DAY) == 39
        files = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert await count(reach=DAY, lateness=0, is_read_only=True) == 39
        with pytest.raises(UsageError, match="holds histories of card, shop, not of device"):
            opened(tmp_path, ["device"], is_read_only=True)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files

        assert await count(reach=DAY, lateness=0) == 39
        short = opened(tmp_path, reach=DAY, lateness=0)
        with pytest.raises(OutOfRange):
            await short.add(at(37.5, "late"), WINDOWS)
        await short.close()
        assert await count(reach=37 * DAY) == 39

    run(use())


def test_a_load_can_be_repeated_and_leaves_out_what_is_expired(tmp_path: Path) -> None:
    rows = [(at(0, "a"), True), (at(3, "b"), None), (at(5, "c"), False)]

    async def use() -> None:
        store = opened(tmp_path)
        assert await store.load(rows) == 3
        assert await store.load([*rows, (at(0.9, "too old"), None), (at(2, "late"), None)]) == 1
        await store.close()
        store = opened(tmp_path)
        assert await store.label("b", fraud=True) == LabelOutcome("recorded", NOW + 3 * DAY)
        assert await store.label("c", fraud=False) == LabelOutcome("repeated", NOW + 5 * DAY)
        await store.close()
        assert await kept(tmp_path, "a", "b", "c", "too old", "late") == ["b", "c", "late"]

    run(use())

"""What a restart reads of a folder, what it cuts off, and the damage that it names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from features.stores.compact import compact
from features.stores.folder import read_folder, segment_path, segments, snapshot_path
from registry.errors import VerificationError
from tests.features.stores.test_embedded import kept, opened
from tests.features.stores.test_memory import WINDOWS, at


async def _record(folder: Path, *ids: str) -> None:
    store = opened(folder)
    for id_ in ids:
        await store.add(at(0, id_), WINDOWS)
    await store.close()


def record(folder: Path, *ids: str) -> None:
    asyncio.run(_record(folder, *ids))


def append(path: Path, content: bytes) -> None:
    path.write_bytes(path.read_bytes() + content)


def test_a_new_folder_holds_nothing(tmp_path: Path) -> None:
    assert read_folder(tmp_path) == (None, 0)


def test_a_last_line_that_was_not_written_to_its_end_is_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(tmp_path, "a", "b")
    path = segment_path(tmp_path, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])

    assert asyncio.run(kept(tmp_path, "a", "b")) == ["a"]
    assert "cut off line 3, which a crash left half-written" in caplog.text
    assert path.read_bytes() == whole[: whole[:-1].rindex(b"\n") + 1]


@pytest.mark.parametrize(
    "line", [b"\0\0\n", b"[]\n", b'["x"]\n', b'["t",1,2]\n', b'["l",1,2,3,4]\n', b'["c"]\n']
)
def test_damage_elsewhere_is_named_with_its_file_and_line(tmp_path: Path, line: bytes) -> None:
    record(tmp_path, "a")
    append(segment_path(tmp_path, 1), line)

    with pytest.raises(VerificationError, match=r"journal-00000001.jsonl is damaged in line 3: re"):
        opened(tmp_path)


def test_what_is_advised_for_a_damaged_line_works_and_copies_are_ignored(tmp_path: Path) -> None:
    record(tmp_path, "a", "b")
    record(tmp_path, "c")
    path, later = segment_path(tmp_path, 1), segment_path(tmp_path, 2)
    copy = tmp_path / "journal-00000001-copy.jsonl"
    copy.write_bytes(path.read_bytes())
    head, a, _ = path.read_bytes().splitlines(keepends=True)

    path.write_bytes(head + a + b"damage\n")
    with pytest.raises(VerificationError, match=r"`head -n 2`\), and move the later segments away"):
        opened(tmp_path)
    path.write_bytes(head + a)
    later.write_bytes(b"damage\n")
    with pytest.raises(VerificationError, match=r"02.jsonl .* line 1: .* move it and the later"):
        opened(tmp_path)
    later.unlink()
    assert asyncio.run(kept(tmp_path, "a", "b", "c")) == ["a"]
    assert copy.exists()


def test_half_a_line_before_another_segment_is_damage(tmp_path: Path) -> None:
    record(tmp_path, "a")
    record(tmp_path, "b")
    append(segment_path(tmp_path, 1), b'["t",')

    with pytest.raises(VerificationError, match=r"journal-00000001.jsonl is damaged in line 3"):
        opened(tmp_path)


def test_a_segment_that_is_missing_or_of_another_store_is_named(tmp_path: Path) -> None:
    for id_ in ("a", "b", "c"):
        record(tmp_path / "one", id_)
    record(tmp_path / "other", "d")
    segment_path(tmp_path / "one", 2).unlink()

    with pytest.raises(VerificationError, match=r"journal-00000002.jsonl is missing"):
        opened(tmp_path / "one")
    segment_path(tmp_path / "other", 1).rename(segment_path(tmp_path / "one", 2))
    with pytest.raises(VerificationError, match=r"journal-00000002.jsonl is damaged in line 1:"):
        opened(tmp_path / "one")


@pytest.mark.parametrize("place", [0, 100, -50, -1])
def test_a_damaged_snapshot_is_named(tmp_path: Path, place: int) -> None:
    record(tmp_path, "a")
    compact(tmp_path, 1)
    content = bytearray(snapshot_path(tmp_path, 1).read_bytes())
    content[place] ^= 1
    snapshot_path(tmp_path, 1).write_bytes(content)

    with pytest.raises(VerificationError, match=r"snapshot-00000001.bin is damaged .*: restore"):
        opened(tmp_path)


def test_segments_that_a_snapshot_holds_are_not_read_again(tmp_path: Path) -> None:
    record(tmp_path, "a")
    content = segment_path(tmp_path, 1).read_bytes()
    compact(tmp_path, 1)
    segment_path(tmp_path, 1).write_bytes(content + b"damage\n")

    assert asyncio.run(kept(tmp_path, "a")) == ["a"]
    assert list(segments(tmp_path)) == [1, 2]

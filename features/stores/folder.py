"""The folder of an embedded store: segments of the journal, and the snapshot that replaces them.

`journal-00000007.jsonl` is a segment, `snapshot-00000006.bin` holds what the first six contained.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from features.stores.snapshot import read_snapshot
from features.stores.table import Fold, Head, Table
from registry.errors import UsageError, VerificationError

_log = logging.getLogger(__name__)
FORMAT = "fraud history journal 1"


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"journal-{number:08}.jsonl"


def snapshot_path(folder: Path, number: int) -> Path:
    return folder / f"snapshot-{number:08}.bin"


def segments(folder: Path) -> dict[int, Path]:
    """The segments of the journal by number, ascending."""
    return _numbered(folder, r"journal-([0-9]{8,})\.jsonl")


def snapshots(folder: Path) -> dict[int, Path]:
    """The snapshots by the number of the last segment that they hold, ascending."""
    return _numbered(folder, r"snapshot-([0-9]{8,})\.bin")


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    # Other names are copies that somebody made, and temporary files.
    found = [(re.fullmatch(pattern, path.name), path) for path in folder.glob("*")]
    return dict(sorted((int(match[1]), path) for match, path in found if match is not None))


def holds_store(folder: Path) -> bool:
    return bool(segments(folder) or snapshots(folder))


def own(folder: Path) -> int:
    """Lock the folder for this process; the lock ends when the handle that it returns is closed.

    Raises UsageError if another process has it, and OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(
            f"{folder} is in use by another process: stop it first. Several workers or pods cannot "
            "share an embedded store; a store in Redis can be shared"
        ) from None
    return handle


@contextmanager
def no_compaction(folder: Path) -> Iterator[None]:
    """Wait for a compaction that an earlier process began, and let none begin meanwhile."""
    with (folder / "compaction.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_folder(folder: Path, last: int | None = None) -> tuple[Fold | None, int]:
    """What a folder holds, None if it is new, and the number of its last segment or snapshot.

    With `last`, segments after that one are not read. Otherwise a last line that was not written
    to its end is cut off. Raises VerificationError for damage, and OSError.
    """
    number, snapshot = max(snapshots(folder).items(), default=(0, None))
    fold = None if snapshot is None else Fold(read_snapshot(snapshot))
    files = {each: path for each, path in segments(folder).items() if each > number}
    for each, path in files.items():
        if last is not None and each > last:
            break
        number += 1
        if each != number:
            raise VerificationError(
                f"{segment_path(folder, number)} is missing: restore the folder from a backup"
            )
        fold = _read_segment(path, fold, is_last=last is None and each == max(files))
    return fold, number


def head_line(head: Head) -> bytes:
    fields = {"format": FORMAT, "kinds": head.kinds, "reach": head.reach}
    fields |= {"lateness": head.lateness, "hash_key": head.hash_key}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _head_of(line: Any) -> Head:
    if line["format"] != FORMAT:
        raise ValueError("its format is unknown")
    return Head(tuple(line["kinds"]), line["reach"], line["lateness"], line["hash_key"])


def _read_segment(path: Path, fold: Fold | None, *, is_last: bool) -> Fold:
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if is_last and not line.endswith(b"\n"):
                _log.warning("%s: cut off line %d, which a crash left half-written", path, number)
                os.truncate(path, end)
                break
            end += len(line)
            try:
                record = orjson.loads(line)
                if number > 1 and fold is not None:
                    fold.add(record)
                    continue
                head = _head_of(record)
                fold = fold or Fold(Table.empty(head))
                fold.begin(head)
            except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
                raise _damaged(path, number) from error
    if fold is None or not end:
        raise _damaged(path, 1)
    return fold


def _damaged(path: Path, line: int) -> VerificationError:
    cut = f"keep a copy, cut it there (`head -n {line - 1}`), and move the later segments away"
    if line == 1:
        cut = "move it and the later segments away"
    return VerificationError(
        f"{path} is damaged in line {line:,}: restore it from a backup; or, to give up what was "
        f"recorded from there on, stop the service, and {cut}; or move the folder away and fill "
        "a new one by `python -m features load`"
    )

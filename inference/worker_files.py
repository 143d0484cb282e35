"""The files in which several workers share what they count, besides those of prometheus_client.

That library's files only ever grow, by the series of every model that was served. So what is
counted of a model is in files of its own, `VERSION-KIND_PID.counts`, which are deleted once neither
that model nor its successor is served any more; `serves_PID.json` says what a worker serves.

A worker that starts takes over the files of one that has ended, so that there are never more files
than workers lived at once, and nothing that was counted is lost.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
COUNTS = "*.counts"
PID = re.compile(r"_(\d+)\.\w+$")
INHERITED = ("counter_*.db", "histogram_*.db", COUNTS)


def workers_folder() -> Path | None:
    """The folder of the workers' files; None where this process is the only one."""
    name = os.environ.get(MULTIPROCESS_FOLDER)
    return Path(name) if name else None


def shares_requests() -> bool:
    """Whether other workers, too, answer requests that this service gets."""
    return workers_folder() is not None and os.environ.get("WEB_CONCURRENCY", "1") != "1"


@contextmanager
def locked(folder: Path, *, exclusive: bool = False) -> Iterator[None]:
    """Let no file be renamed or deleted meanwhile; with `exclusive`, to do so."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def creating() -> Iterator[None]:
    """While the metrics of this worker are made: prometheus-client's files are empty for a moment,
    and a scrape by another worker fails on an empty one.
    """
    if (folder := workers_folder()) is None:
        yield
        return
    with locked(folder, exclusive=True):
        yield


def delete_empty(folder: Path) -> None:
    """Delete what workers left that were killed while they made their files; under `locked`."""
    for path in folder.glob("*.db"):
        if not path.stat().st_size:
            path.unlink(missing_ok=True)


class SharedCounts:
    """Counts of one kind of one model: this worker's, and the sums over all workers."""

    def __init__(self, kind: str, version: int, size: int) -> None:
        self._folder = workers_folder()
        self._name = f"{version}-{kind}"
        self._size = size
        if self._folder is None:
            self.own = np.zeros(size, dtype=np.int64)
            return
        self._path = self._folder / f"{self._name}_{os.getpid()}.counts"
        with self._path.open("ab") as file:  # it exists where it was taken over
            file.truncate(8 * size)
        self.own = np.asarray(np.memmap(self._path, dtype=np.int64, shape=(size,)))

    def totals(self) -> NDArray[np.int64]:
        """The sums over all workers, dead ones too; to be read under the lock `locked`."""
        totals = np.array(self.own)
        if self._folder is not None:
            for path in self._folder.glob(f"{self._name}_*.counts"):
                if path != self._path and path.stat().st_size == totals.nbytes:
                    totals += np.fromfile(path, dtype=np.int64)
        return totals


def note_served(version: int, digest: str) -> None:
    """Note what this worker serves."""
    if (folder := workers_folder()) is not None:
        part = folder / f"serves_{os.getpid()}.part"
        part.write_text(json.dumps([str(version), digest]))
        part.replace(part.with_suffix(".json"))


def served_by_workers(folder: Path) -> Counter[tuple[str, str]]:
    """The number of workers that serve each version and digest."""
    served = (json.loads(path.read_text()) for path in folder.glob("serves_*.json"))
    return Counter((version, digest) for version, digest in served)


def forget_other_versions(*versions: int) -> None:
    """Delete the counts of all models but these and those that a worker still serves."""
    if (folder := workers_folder()) is not None:
        with locked(folder, exclusive=True):
            kept = {str(version) for version in versions}
            kept.update(version for version, _ in served_by_workers(folder))
            for path in folder.glob(COUNTS):
                if path.name.partition("-")[0] not in kept:
                    path.unlink()


def bury(folder: Path, pid: int) -> None:
    """Delete what only a living worker has: what it serves, and its gauges."""
    with locked(folder, exclusive=True):
        for path in (*folder.glob(f"serves_{pid}.*"), *folder.glob(f"gauge_live*_{pid}.db")):
            path.unlink()


def inherit(folder: Path) -> None:
    """Take over the files of one process that has ended, before anything is counted here.

    The folder is made again if it is gone: what cleans up /tmp must not end the service.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with locked(folder, exclusive=True):
        paths = [path for pattern in INHERITED for path in folder.glob(pattern)]
        pids = {_pid(path) for path in paths}
        if os.getpid() in pids:  # of an earlier process with the same id
            return
        ended = next((pid for pid in sorted(pids) if not _is_alive(pid)), None)
        for path in paths:
            if _pid(path) == ended:
                path.rename(path.with_name(PID.sub(rf"_{os.getpid()}{path.suffix}", path.name)))


def _pid(path: Path) -> int:
    match = PID.search(path.name)
    return int(match[1]) if match else os.getpid()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is someone else's
        return True
    return True

"""A snapshot is read as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from features.stores.snapshot import read_snapshot, write_snapshot
from features.stores.table import Table
from tests.features.stores.test_table import HEAD, folded


def test_a_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = folded(
        ["t", 2**64 - 1, 50, -10, 2, "ä\n", None], ["t", 3, 50, 2**62, 0, None, "s"], ["c", 7]
    )
    path = tmp_path / "snapshot.bin"

    write_snapshot(path, table)
    read = read_snapshot(path)

    assert (read.head, read.newest, read.complete_since) == (HEAD, 50, 7)
    assert read.names == (["ä\n"], ["s"])
    for name in ("times", "units", "hashes", "labels"):
        assert np.array_equal(getattr(read, name), getattr(table, name))
    assert [owners.tolist() for owners in read.owners] == [[1, 0], [0, 1]]


def test_an_empty_one_too(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot.bin", Table.empty(HEAD))

    assert len(read_snapshot(tmp_path / "snapshot.bin").times) == 0

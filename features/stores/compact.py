"""`python -m features.stores.compact FOLDER LAST`: a snapshot in place of old segments.

The service starts it as a process of its own, so that no request waits. It reads the last snapshot
and the segments up to number LAST, writes a new snapshot, and deletes what that replaces. Killed at
any point it loses nothing: until the new snapshot is there, whole, the old files are; after that,
nobody reads them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from features.stores.folder import no_compaction, read_folder, segments, snapshot_path, snapshots
from features.stores.snapshot import write_snapshot
from registry.atomic import PARTIAL
from registry.errors import RegistryError

_LOWEST_PRIORITY = 19


def compact(folder: Path, last: int) -> None:
    """Make the snapshot of all segments up to a number. Raises VerificationError and OSError."""
    with no_compaction(folder):
        if last > max(snapshots(folder), default=0):
            for partial in folder.glob(f"{PARTIAL}snapshot-*"):  # of a compaction that was killed
                partial.unlink()
            fold, _ = read_folder(folder, last)
            if fold is not None:
                write_snapshot(snapshot_path(folder, last), fold.table())
        newest = max(snapshots(folder), default=0)
        for number, path in segments(folder).items():
            if number <= newest:
                path.unlink()
        for number, path in snapshots(folder).items():
            if number < newest:
                path.unlink()


def main() -> None:
    folder, last = sys.argv[1:]
    os.nice(_LOWEST_PRIORITY)
    try:
        compact(Path(folder), int(last))
    except (RegistryError, OSError) as error:
        raise SystemExit(f"compaction of {folder}: {error}") from None


if __name__ == "__main__":
    main()

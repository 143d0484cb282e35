"""Converts the sealed files of a spool to Parquet and moves them to the destination, then ends.

A process of its own, which the service starts: pyarrow's memory and the time that it takes are
never in a process that answers. It inherits the lock of the spool, so that there is one at a time.
It may be killed at any moment: the next one repeats the step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from inference.record_destination import Destination, open_destination
from inference.record_files import CONVERTED, SEALED, spool_files
from registry.atomic import PARTIAL
from registry.errors import RegistryError, on_one_line

MAX_SECONDS = 600
"""Then it is ended by SIGALRM: a file system or a server may never answer."""

MAX_FAILURES = 3
"""Then no other file is tried: each one may wait for timeouts."""


@dataclass
class Moved:
    """What one run did."""

    files: int = 0
    """At the destination now."""
    invalid: int = 0
    """Lines that were no records: of a machine that stopped."""
    failed: int = 0
    """Files that could not be converted or moved, and stay."""
    error: str = ""
    """Why the last of them could not."""

    def fail(self, error: Exception) -> None:
        self.failed += 1
        self.error = on_one_line(str(error))


def move(folder: Path, destination: Destination) -> Moved:
    """Convert what is sealed, move what is converted. To be called with the lock of the spool.

    Raises OSError where the spool cannot be read or written.
    """
    moved = Moved()
    for leftover in folder.glob(f"{PARTIAL}*"):
        leftover.unlink()
    for file in spool_files(folder, SEALED):
        try:
            moved.invalid += _convert(file.path)
        except (OSError, ValueError, TypeError) as error:
            moved.fail(error)
    for file in spool_files(folder, CONVERTED):
        try:
            destination.upload(file.path, file.destination)
            file.path.unlink()
            moved.files += 1
        except (OSError, RegistryError) as error:
            moved.fail(error)
            if moved.failed >= MAX_FAILURES:
                break
    return moved


def _convert(lines: Path) -> int:
    """Replace a sealed file by its Parquet file; return the number of invalid lines."""
    invalid, converted = 0, lines.with_suffix(CONVERTED)
    if not converted.exists():
        # Imported only if needed: while the destination is away, most runs convert nothing.
        from inference.record_parquet import write_parquet  # noqa: PLC0415

        invalid = write_parquet(lines, converted)
    lines.unlink()
    return invalid


def main() -> None:
    """Run once for the folder and the destination on the command line; print `Moved` as JSON."""
    signal.alarm(MAX_SECONDS)
    os.nice(19)
    folder, destination = sys.argv[1:3]
    print(json.dumps(asdict(move(Path(folder), open_destination(destination)))))


if __name__ == "__main__":
    main()

"""The output: a folder with a manifest, and parts that are whole or not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import parquet

from registry.atomic import PARTIAL, atomic_write, locked
from registry.errors import UsageError

MANIFEST = "_manifest.json"
"""What was scored, and by which model. Readers of Parquet folders skip names with a `_` first."""
REJECTS = "_rejects"
FILE, ROW, REASON = "input_file", "input_row", "reason"
PROBABILITY, DECISION, VERSION, DIGEST = (
    "probability",
    "decision",
    "model_version",
    "model_digest",
)
EXPLANATION = "reasons"
NAMES = (FILE, ROW, PROBABILITY, DECISION, VERSION, DIGEST, EXPLANATION, REASON)
"""The columns beside the keys, those of the rejects among them."""
_COUNT = b"rejects"
_PART = re.compile(r"part-(\d{6,})\.parquet")


class Counts(NamedTuple):
    """Rows of a part: scored and rejected."""

    scored: int
    rejected: int


class Output:
    """The folder that a run writes to, or continues."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def opened(self, manifest: Mapping[str, Any]) -> Iterator[dict[int, Counts]]:
        """Claim the folder for one process; yields the parts that are finished already.

        Raises UsageError where it holds the scores of another run, or something else.
        """
        (self.folder / REJECTS).mkdir(parents=True, exist_ok=True)
        path = self.folder / MANIFEST
        with locked(path):
            for folder in (self.folder, self.folder / REJECTS):
                for left in folder.glob(f"{PARTIAL}*"):
                    left.unlink()
            self._require(manifest)
            with atomic_write(path) as temporary:
                temporary.write_text(json.dumps(manifest, indent=1) + "\n")
            finished = self._finished()
            kept = {name_of(number) for number in finished}
            for path in (self.folder / REJECTS).glob("part-*.parquet"):
                if path.name not in kept:  # of a part that may have none this time
                    path.unlink()
            yield finished

    def _require(self, manifest: Mapping[str, Any]) -> None:
        path = self.folder / MANIFEST
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            if others := sorted({each.name for each in self.folder.iterdir()} - {REJECTS}):
                raise UsageError(
                    f"{self.folder} holds {others[0]!r}, which is not of a batch run: name a new "
                    "folder"
                ) from None
            return
        except ValueError as error:
            raise UsageError(f"{path} is damaged: delete the folder, or name a new one") from error
        if any(self.folder.glob("part-*.parquet")):
            require_same(self.folder, found, manifest)

    def _finished(self) -> dict[int, Counts]:
        finished = {}
        for path in self.folder.glob("part-*.parquet"):
            # A part that cannot be read is written again.
            with suppress(ValueError, KeyError, TypeError, pa.ArrowException, OSError):
                metadata = parquet.read_metadata(path)
                rejected = int(metadata.metadata[_COUNT])
                finished[number_of(path.name)] = Counts(metadata.num_rows, rejected)
        return finished

    def write(self, number: int, scored: pa.Table, rejected: pa.Table) -> Counts:
        """Write a part; the rejects first, for with the scores it is finished. Raises OSError."""
        counts = Counts(len(scored), len(rejected))
        name = name_of(number)
        if len(rejected):
            _write(rejected.replace_schema_metadata(), self.folder / REJECTS / name)
        # Not that of the input: pandas describes there which columns and rows a file has.
        metadata = {_COUNT: str(counts.rejected).encode()}
        _write(scored.replace_schema_metadata(metadata), self.folder / name)
        return counts


def name_of(number: int) -> str:
    """The name of a part, and of its rejects in their folder."""
    return f"part-{number:06}.parquet"


def number_of(name: str) -> int:
    """The number in a part's name. Raises ValueError for another name."""
    if not (match := _PART.fullmatch(name)):
        raise ValueError(f"{name!r} is not the name of a part")
    return int(match[1])


def require_same(place: object, found: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Raises UsageError where the manifest that was found is of another run."""
    expected = json.loads(json.dumps(manifest))
    if found != expected:
        different = [
            name for name in {**expected, **found} if expected.get(name) != found.get(name)
        ]
        raise UsageError(
            f"{place} holds the scores of another run: {', '.join(different)} differ; name a new "
            "folder, or delete this one"
        )


def _write(table: pa.Table, path: Path) -> None:
    with atomic_write(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")

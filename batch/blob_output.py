"""The output in Blob Storage: the parts of a folder, each uploaded once it is finished.

A blob appears whole, when its blocks are committed, and none is overwritten. The bytes of a part
follow from the manifest, so that two runs into one address do the same work twice and no harm.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from batch.output import MANIFEST, REJECTS, Counts, Output, name_of, number_of, require_same
from registry.errors import NotFound, UsageError
from registry.storage.address import BlobAddress, is_blob_address
from registry.storage.container import Container, open_container

_SCORED, _REJECTED = "rows", "rejects"
"""The metadata of a part's blob, by which a later run counts it without reading it."""
_MAX_MANIFEST_BYTES = 1 << 26


def open_output(place: str) -> Output | BlobOutput:
    """The output at a path or an address. Raises UsageError for a wrong address."""
    return BlobOutput(BlobAddress.parse(place)) if is_blob_address(place) else Output(Path(place))


class BlobOutput:
    """The folder in Blob Storage that a run writes to, or continues. As `Output`."""

    def __init__(self, address: BlobAddress) -> None:
        self.address = address

    @contextmanager
    def opened(self, manifest: Mapping[str, Any]) -> Iterator[dict[int, Counts]]:
        """Yields the parts that are finished already, and takes others until it ends.

        Raises UsageError where the address holds the scores of another run, or something else, and
        what `Container` raises.
        """
        with (
            open_container(self.address) as self._container,
            TemporaryDirectory(prefix="batch-") as temporary,
        ):
            self._local = Output(Path(temporary))
            (self._local.folder / REJECTS).mkdir()
            self._claim(self._container, manifest)
            yield {
                number_of(blob.name): Counts(
                    int(blob.metadata[_SCORED]), int(blob.metadata[_REJECTED])
                )
                for blob in self._container.list()
                if {_SCORED, _REJECTED} <= blob.metadata.keys() and "/" not in blob.name
            }

    def _claim(self, container: Container, manifest: Mapping[str, Any]) -> None:
        try:
            found = container.read(MANIFEST, _MAX_MANIFEST_BYTES)
        except NotFound:
            if other := next(container.list(), None):
                raise UsageError(
                    f"{self.address} holds {other.name!r}, which is not of a batch run: name a new "
                    "folder"
                ) from None
            path = self._local.folder / MANIFEST
            path.write_text(json.dumps(manifest, indent=1) + "\n")
            container.upload(path, MANIFEST)
            return
        try:
            parsed = json.loads(found)
        except ValueError as error:
            raise UsageError(
                f"{self.address}/{MANIFEST} is damaged: delete the folder, or name a new one"
            ) from error
        require_same(self.address, parsed, manifest)

    def write(self, number: int, scored: pa.Table, rejected: pa.Table) -> Counts:
        """Write a part and upload it, the rejects first. Raises OSError, and what
        `Container.upload` raises.
        """
        counts = self._local.write(number, scored, rejected)
        metadata = {_SCORED: str(counts.scored), _REJECTED: str(counts.rejected)}
        name = name_of(number)
        for blob in (f"{REJECTS}/{name}", name) if counts.rejected else (name,):
            path = self._local.folder / blob
            self._container.upload(path, blob, metadata=metadata)
            path.unlink()
        return counts

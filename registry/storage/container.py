"""A container, or a folder of one: list, read, download, upload and delete its blobs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from registry.atomic import atomic_write
from registry.errors import BytesMismatch, NotFound, Unreachable, UsageError
from registry.storage.address import BlobAddress

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, ContainerClient

Progress = Callable[[int, int], object]
"""Called with the bytes that are done, and with all of them, from any thread."""

SHA256 = "sha256"
"""The metadata of a blob that holds the hex digest of its content."""
_FOLDER = "hdi_isfolder"
"""The metadata that marks an empty blob as a folder, as Hadoop and Data Lake accounts make them."""


@dataclass(frozen=True)
class Blob:
    """A blob as the service lists it; `name` is relative to the container's address.

    `sha256` is None where it was not uploaded by this module, and `md5` where the service has none.
    `metadata` is what it was uploaded with, and its sha256.
    """

    name: str
    size: int
    etag: str
    sha256: str | None = None
    md5: bytes | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def open_container(address: BlobAddress | str) -> Container:
    """The folder at an address, or the whole container; nothing is sent yet.

    Raises UsageError for a wrong address and for a wrong AZURE_STORAGE_CONNECTION_STRING. The first
    call imports Azure's SDK.
    """
    from registry.storage.client import open_client  # noqa: PLC0415 (slow to import)

    if isinstance(address, str):
        address = BlobAddress.parse(address)
    return Container(address, open_client(address))


class Container:
    """The blobs below an address. Names are relative to it; to be closed, or used by `with`.

    Each method raises NotFound for a missing container or blob, UsageError for a name that leads
    out of the address and for a credential that is missing or wrong, and Unreachable for no
    response, no right, or throttling that outlasts the retries.
    """

    def __init__(self, address: BlobAddress, client: ContainerClient) -> None:
        self.address = address
        self._client = client

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def list(self, folder: str = "") -> Iterator[Blob]:
        """The blobs below a folder and the folders in it, page by page, in the order of names."""
        root = self._at(folder) if folder else self.address
        start = len(self.address.path) + 1 if self.address.path else 0
        with self._errors("listing", root):
            for listed in self._client.list_blobs(
                name_starts_with=f"{root.path}/" if root.path else None, include=["metadata"]
            ):
                if not _is_folder(listed):
                    yield _blob(listed.name[start:], listed)

    def properties(self, name: str) -> Blob:
        """Size and digests of a blob. Raises NotFound where there is none, also for a folder."""
        from registry.storage import transfer  # noqa: PLC0415 (imports Azure's SDK)

        address = self._at(name)
        with self._errors("looking for", address):
            found = transfer.properties(self._client, address.path)
        if _is_folder(found):
            raise NotFound(f"looking for {address}: it is a folder, not a blob")
        return _blob(name, found)

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of a blob, in memory.

        Raises Unreachable for more than `max_bytes`, and BytesMismatch where it is not what was
        uploaded.
        """
        blob = self.properties(name)
        if blob.size > max_bytes:
            raise Unreachable(
                f"reading {self._at(name)}: it has {blob.size:,} bytes, and may have {max_bytes:,}"
            )
        content = BytesIO()  # whose buffer becomes the bytes: joined parts would be there twice
        self._receive(blob, content, None)
        return content.getvalue()

    def download(self, name: str, path: Path, progress: Progress | None = None) -> str:
        """Write a blob to a file, whole or not at all; return its hex sha256.

        Raises BytesMismatch where it is not what was uploaded, and OSError.
        """
        blob = self.properties(name)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            return self._receive(blob, file, progress)

    def upload(
        self,
        path: Path,
        name: str,
        progress: Progress | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Create a blob with the content of a file, which must not change meanwhile.

        Nothing is overwritten, and the same file may be uploaded again, also by several processes
        at once. Raises UsageError where there is a blob with other content, and OSError.
        """
        from registry.storage import transfer  # noqa: PLC0415 (imports Azure's SDK)

        address = self._at(name)
        with path.open("rb") as file, self._errors("uploading", address):
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            client = self._client.get_blob_client(address.path)
            is_new = transfer.create(client, file, {**(metadata or {}), SHA256: digest}, progress)
        if not is_new and self._sha256(self.properties(name)) != digest:
            raise UsageError(
                f"uploading {address}: there is a blob with other content, which was not "
                "overwritten; choose another name, or delete it first"
            )

    def delete(self, name: str) -> None:
        """Delete a blob, which may be gone already. Raises Refused where a policy or a hold keeps
        it.
        """
        from registry.storage import transfer  # noqa: PLC0415 (imports Azure's SDK)

        address = self._at(name)
        with self._errors("deleting", address):
            transfer.delete(self._client.get_blob_client(address.path))

    def is_immutable(self) -> bool:
        """Whether the container has a time-based policy of immutability, or a legal hold.

        Whether the policy is locked, only Azure's resource manager says.
        Source: Get Container Properties, of the Blob service's REST API.
        """
        with self._errors("looking at", self.address):
            found = self._client.get_container_properties()
        return bool(found.has_immutability_policy or found.has_legal_hold)

    def _sha256(self, blob: Blob) -> str:
        """As recorded when it was uploaded; of another program's upload, of what it holds."""
        if blob.sha256 is not None:
            return blob.sha256
        with Path(os.devnull).open("wb") as nowhere:
            return self._receive(blob, nowhere, None)

    def _receive(self, blob: Blob, file: IO[bytes], progress: Progress | None) -> str:
        """Write a blob's parts to a file; return the hex sha256 of what arrived."""
        from registry.storage import transfer  # noqa: PLC0415 (imports Azure's SDK)

        address, done = self._at(blob.name), 0
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        client = self._client.get_blob_client(address.path)
        with self._errors("reading", address):
            for part in transfer.parts(client, blob.size, blob.etag):
                sha256.update(part)
                if blob.sha256 is None and blob.md5 is not None:
                    md5.update(part)
                file.write(part)
                done += len(part)
                if progress:
                    progress(done, blob.size)
        is_changed = (
            sha256.hexdigest() != blob.sha256
            if blob.sha256 is not None
            else blob.md5 is not None and md5.digest() != blob.md5
        )
        if done != blob.size or is_changed:
            raise BytesMismatch(
                f"reading {address}: what arrived is not what was uploaded, by its digest; upload "
                "it again"
            )
        return sha256.hexdigest()

    def _at(self, name: str) -> BlobAddress:
        return self.address.child(name)

    def _errors(self, operation: str, address: BlobAddress) -> AbstractContextManager[None]:
        from registry.storage.failures import translated  # noqa: PLC0415 (imports Azure's SDK)

        return translated(f"{operation} {address}", address)


def _is_folder(listed: BlobProperties) -> bool:
    return (listed.metadata or {}).get(_FOLDER) == "true"


def _blob(name: str, listed: BlobProperties) -> Blob:
    md5 = listed.content_settings.content_md5
    metadata = listed.metadata or {}
    return Blob(
        name,
        listed.size,
        str(listed.etag).strip('"'),
        metadata.get(SHA256),
        None if md5 is None else bytes(md5),
        metadata,
    )

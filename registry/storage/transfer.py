"""Transfers by Azure's SDK: a blob in ranges at a time, and one that is only created."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

from registry.storage.failures import code_of

PART_BYTES = 4 * 2**20
"""A blob is downloaded in ranges of this size."""
CONCURRENCY = 4
"""Ranges or blocks at a time."""
_EXISTS = ("BlobAlreadyExists", "BlobImmutableDueToPolicy", "ConditionNotMet", "InvalidBlockList")
"""The last: another process, which uploaded the same blob, has committed its blocks first."""


def properties(container: ContainerClient, name: str) -> BlobProperties:
    """The properties of a blob. Raises AzureError."""
    try:
        return container.get_blob_client(name).get_blob_properties()
    except ClientAuthenticationError as error:
        if error.response is not None:  # to HEAD, it has no body, which would say why
            next(container.list_blobs(name_starts_with=name, results_per_page=1), None)
        raise


def parts(blob: BlobClient, size: int, etag: str) -> Generator[bytes, None, None]:
    """The content of a blob with this ETag, in order, while later ranges are on their way.

    Raises AzureError, also where the blob was replaced. The ranges that are under way then are
    waited for.
    """
    if size <= PART_BYTES:
        yield _range(blob, 0, size, etag)
        return
    pending: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="blob") as pool:
        try:
            for start in range(0, size, PART_BYTES):
                if len(pending) == 2 * CONCURRENCY:
                    yield pending.popleft().result()
                length = min(PART_BYTES, size - start)
                pending.append(pool.submit(_range, blob, start, length, etag))
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _range(blob: BlobClient, start: int, length: int, etag: str) -> bytes:
    if length == 0:
        return b""
    # Not decompressed: what is compared with a digest are the bytes that were uploaded.
    return blob.download_blob(
        start,
        length,
        etag=f'"{etag}"',
        match_condition=MatchConditions.IfNotModified,
        decompress=False,
    ).readall()


def create(
    blob: BlobClient,
    file: IO[bytes],
    metadata: Mapping[str, str],
    progress: Callable[[int, int], object] | None,
) -> bool:
    """Upload a new blob; False where there is one already. Raises AzureError."""

    def report(done: int, total: int | None) -> None:
        if progress:
            progress(done, total or done)

    try:
        blob.upload_blob(
            file,
            metadata=dict(metadata),
            overwrite=False,
            max_concurrency=CONCURRENCY,
            progress_hook=report,
        )
    except HttpResponseError as error:
        if code_of(error) in _EXISTS:
            return False
        raise
    return True


def delete(blob: BlobClient) -> None:
    """Delete a blob; nothing happens where there is none. Raises AzureError."""
    try:
        blob.delete_blob()
    except ResourceNotFoundError as error:
        if code_of(error) != "BlobNotFound":
            raise

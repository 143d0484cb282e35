"""The files of a ledger entry: returned only if every one matches the entry's statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from registry.errors import BytesMismatch, Unreachable, UsageError
from registry.ledger.chain import Link
from registry.ledger.files import MAX_MODEL_BYTES, Files
from registry.ledger.manifest import Manifest
from registry.storage.address import is_blob_address
from registry.storage.container import Container, open_container
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.rest import Registry

PROXIED = "mlflow-artifacts:/"
MAX_LISTED = 1000
"""Files and folders of a model."""
MAX_DEPTH = 20


def fetch_verified(registry: Registry, link: Link) -> Files:
    """Download an entry's files and verify them.

    They stay in memory, so that what was verified is what the caller uses. Raises BytesMismatch,
    naming each file that is missing, was added or was changed, and Unreachable. It never falls back
    to another entry: an attacker who can damage a file could then force a downgrade.
    """
    manifest, source = link.statement.manifest, link.statement.entry.source
    whose = f"the files of ledger version {link.version}"
    if (root := proxied_path(source)) is not None:

        def read(name: str, max_bytes: int) -> bytes:
            return registry.download(f"{root}/{name}", max_bytes)

        return _download_named(_list_files(registry, root, whose), read, manifest, whose)
    if is_blob_address(source):
        with blob_folder(source) as folder:
            return _download_named(_list_blobs(folder, whose), folder.read, manifest, whose)
    # Imported late: MLflow's client takes longer to import than all else here together.
    set_client_defaults(registry.default_retries)
    from registry.tracking.client import connect, download  # noqa: PLC0415

    files = download(connect(registry.uri), source, MAX_MODEL_BYTES)
    manifest.require(files.manifest, whose)
    return files


@contextmanager
def blob_folder(address: str) -> Iterator[Container]:
    """A folder in Blob Storage, for files that the tracking server does not proxy.

    Raises Unreachable where the address, the credential or the container is wrong: for a reader,
    the store cannot be read then, and it may have a verified copy.
    """
    try:
        with open_container(address) as folder:
            yield folder
    except UsageError as error:
        raise Unreachable(str(error)) from error


def proxied_path(address: str) -> str | None:
    """The path of an artifact address below the store's root, if the tracking server proxies it."""
    is_proxied = address.startswith(PROXIED) and not address.startswith(f"{PROXIED}/")
    return address.removeprefix(PROXIED) if is_proxied else None


def _download_named(
    listed: Iterator[str],
    read: Callable[[str, int], bytes],
    manifest: Manifest,
    whose: str,
) -> Files:
    """Download the files that the manifest names. Raises BytesMismatch unless these are all that
    the store lists, and match.

    Others are not downloaded: an attacker may have added a huge one.
    """
    names = set(listed)
    content: dict[str, bytes] = {}
    bytes_left = MAX_MODEL_BYTES
    for name in sorted(manifest.sha256.keys() & names):
        content[name] = read(name, bytes_left)
        bytes_left -= len(content[name])
    files = Files(content)
    added = dict.fromkeys(names - manifest.sha256.keys(), "")
    manifest.require(Manifest({**files.manifest.sha256, **added}), whose)
    return files


def _list_blobs(folder: Container, whose: str) -> Iterator[str]:
    for count, blob in enumerate(folder.list(), 1):
        if count > MAX_LISTED:
            raise BytesMismatch(f"{whose}: more than {MAX_LISTED:,} files")
        yield blob.name


def _list_files(registry: Registry, root: str, whose: str) -> Iterator[str]:
    """The relative paths of all files below a folder of the artifact store."""
    folders, count = [PurePosixPath()], 0
    while folders:
        folder = folders.pop()
        for entry in registry.files(f"{root}/{folder}" if folder.parts else root):
            count += 1
            if count > MAX_LISTED or len(folder.parts) > MAX_DEPTH:
                raise BytesMismatch(
                    f"{whose}: more than {MAX_LISTED:,} files and folders, or {MAX_DEPTH} levels"
                )
            path = folder / entry.path
            if entry.is_dir and entry.path not in ("", ".", "..") and "/" not in entry.path:
                folders.append(path)
            else:
                yield path.as_posix()

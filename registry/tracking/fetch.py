"""The files of a ledger entry: returned only if every one matches the entry's statement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from registry.errors import BytesMismatch
from registry.ledger.chain import Link
from registry.ledger.files import MAX_MODEL_BYTES, Files
from registry.ledger.manifest import Manifest
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
        return _download_named(registry, root, manifest, whose)
    # Not proxied, such as in Blob Storage. Imported late: MLflow's client takes longer to import
    # than all else here together.
    set_client_defaults(registry.default_retries)
    from registry.tracking.client import connect, download  # noqa: PLC0415

    files = download(connect(registry.uri), source, MAX_MODEL_BYTES)
    manifest.require(files.manifest, whose)
    return files


def proxied_path(address: str) -> str | None:
    """The path of an artifact address below the store's root, if the tracking server proxies it."""
    is_proxied = address.startswith(PROXIED) and not address.startswith(f"{PROXIED}/")
    return address.removeprefix(PROXIED) if is_proxied else None


def _download_named(registry: Registry, root: str, manifest: Manifest, whose: str) -> Files:
    """Download the files that the manifest names. Raises BytesMismatch unless these are all that
    the store holds, and match.

    Others are not downloaded: an attacker may have added a huge one.
    """
    listed = list(_list_files(registry, root, whose))
    content: dict[str, bytes] = {}
    bytes_left = MAX_MODEL_BYTES
    for name in sorted(manifest.sha256.keys() & set(listed)):
        content[name] = registry.download(f"{root}/{name}", bytes_left)
        bytes_left -= len(content[name])
    files = Files(content)
    added = {name: "" for name in listed if name not in manifest.sha256}
    manifest.require(Manifest({**files.manifest.sha256, **added}), whose)
    return files


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

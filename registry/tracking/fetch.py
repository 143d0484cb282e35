"""The files of a ledger entry: returned only if every one matches the entry's statement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from registry.errors import BytesMismatch
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.rest import Registry

PROXIED = "mlflow-artifacts:/"
MAX_LISTED = 1000
"""Files and folders of a model."""
MAX_DEPTH = 20
MAX_MODEL_BYTES = 2 * 2**30
"""All files together. No ONNX file is larger: protobuf's own limit."""


def fetch_verified(registry: Registry, link: Link, destination: Path) -> Path:
    """Download an entry's files into the new folder `destination` and verify them; return where
    they are.

    Raises BytesMismatch, naming each file that is missing, was added or was changed, and
    Unreachable. It never falls back to another entry: an attacker who can damage a file could then
    force a downgrade.
    """
    manifest, source = link.statement.manifest, link.statement.entry.source
    files = f"the files of ledger version {link.version}"
    if source.startswith(PROXIED) and not source.startswith(f"{PROXIED}/"):
        root = source.removeprefix(PROXIED)
        manifest.require(_download_named(registry, root, manifest, files, destination), files)
        return destination
    # Not proxied, such as in Blob Storage. Imported late: MLflow's client takes longer to import
    # than all else here together.
    set_client_defaults(registry.default_retries)
    from registry.tracking.client import connect, download  # noqa: PLC0415

    folder = download(connect(registry.uri), source, destination)
    manifest.require(Manifest.of(folder), files)
    return folder


def _download_named(
    registry: Registry, root: str, manifest: Manifest, files: str, destination: Path
) -> Manifest:
    """Download the files that the manifest names; return what the store holds.

    Other files are in that answer without a digest. They are not downloaded: an attacker may have
    added a huge one.
    """
    listed = list(_list_files(registry, root, files))
    destination.mkdir(parents=True, exist_ok=True)
    bytes_left = MAX_MODEL_BYTES
    for name in manifest.sha256.keys() & set(listed):
        path = destination / name
        if not path.resolve().is_relative_to(destination.resolve()):
            raise BytesMismatch(f"{files}: {name!r} is a path outside the model's folder")
        bytes_left -= registry.download(f"{root}/{name}", path, bytes_left)
    added = {name: "" for name in listed if name not in manifest.sha256}
    return Manifest({**Manifest.of(destination).sha256, **added})


def _list_files(registry: Registry, root: str, files: str) -> Iterator[str]:
    """The relative paths of all files below a folder of the artifact store."""
    folders, count = [PurePosixPath()], 0
    while folders:
        folder = folders.pop()
        for entry in registry.files(f"{root}/{folder}" if folder.parts else root):
            count += 1
            if count > MAX_LISTED or len(folder.parts) > MAX_DEPTH:
                raise BytesMismatch(
                    f"{files}: more than {MAX_LISTED:,} files and folders, or {MAX_DEPTH} levels"
                )
            path = folder / entry.path
            if entry.is_dir and entry.path not in ("", ".", "..") and "/" not in entry.path:
                folders.append(path)
            else:
                yield path.as_posix()

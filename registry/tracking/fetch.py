"""Reading what an entry put in force: its files, and only if every one of them matches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from registry.errors import BytesMismatch
from registry.ledger.chain import Link
from registry.ledger.manifest import Manifest
from registry.tracking.rest import Registry

PROXIED = "mlflow-artifacts:/"
MOST_LISTED, DEEPEST = 1000, 20
MOST_BYTES = 2 * 2**30
"""Of all files together. No ONNX file is larger: protobuf's own limit."""


def fetch_verified(registry: Registry, link: Link, destination: Path) -> Path:
    """Download an entry's files into the new folder `destination`, and hold them against what was
    signed.

    Raises BytesMismatch, naming each file that is missing, was added or was changed, and
    Unreachable. It never falls back to another entry: whoever can damage a file could then force
    a downgrade.
    """
    manifest, source = link.statement.manifest, link.statement.entry.source
    whose = f"the files of ledger version {link.version}"
    if source.startswith(PROXIED) and not source.startswith(f"{PROXIED}/"):
        actual = _fetch_named(registry, source.removeprefix(PROXIED), manifest, whose, destination)
        manifest.require(actual, whose)
        return destination
    # Directly from Blob Storage, say. Imported only then: it takes longer than all else.
    from registry.tracking.client import connect, download  # noqa: PLC0415

    folder = download(connect(registry.uri), source, destination)
    manifest.require(Manifest.of(folder), whose)
    return folder


def _fetch_named(
    registry: Registry, root: str, manifest: Manifest, whose: str, destination: Path
) -> Manifest:
    """Fetch the files that the statement names; return what is there, with those it does not name.

    The latter are not fetched: somebody may have put a huge one there.
    """
    found = list(_listed(registry, root, whose))
    destination.mkdir(parents=True, exist_ok=True)
    left = MOST_BYTES
    for name in manifest.sha256.keys() & set(found):
        path = destination / name
        if not path.resolve().is_relative_to(destination.resolve()):
            raise BytesMismatch(f"{whose}: {name!r} is not a name for a file below the model")
        left -= registry.fetch(f"{root}/{name}", path, left)
    added = {name: "" for name in found if name not in manifest.sha256}
    return Manifest({**Manifest.of(destination).sha256, **added})


def _listed(registry: Registry, root: str, whose: str) -> Iterator[str]:
    """The relative paths of all files below a folder of the artifact store."""
    folders, listed = [PurePosixPath()], 0
    while folders:
        folder = folders.pop()
        for one in registry.files(f"{root}/{folder}" if folder.parts else root):
            listed += 1
            if listed > MOST_LISTED or len(folder.parts) > DEEPEST:
                raise BytesMismatch(
                    f"{whose}: more than {MOST_LISTED:,} files and folders, or {DEEPEST} levels"
                )
            path = folder / one.path
            if one.is_dir and one.path not in ("", ".", "..") and "/" not in one.path:
                folders.append(path)
            else:
                yield path.as_posix()

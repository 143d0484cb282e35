"""Backups of the tracking server: its database, and all files of its artifact stores.

    FOLDER/files/ab/ab01…       each content once, by its sha256, shared by all backups
    FOLDER/2026-11-28T091300Z/  database.dump, files.jsonl, and backup.json, which is written last

The database is dumped first and the files are copied then: files are added and not changed, so that
all that the dump refers to is there. `registry prune` must not run meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy
from pydantic import BaseModel, ValidationError

from deploy.tracking.artifact_roots import Root, Stored, open_root
from deploy.tracking.database import open_database, require_current
from deploy.tracking.dump import dump, load, require_empty
from registry.atomic import atomic_write, locked, temporary_names
from registry.errors import BytesMismatch, NotFound, UsageError, on_one_line
from registry.ledger.manifest import sha256_of
from registry.progress import step, warn
from registry.storage.address import is_plain

DUMP, FILES, SUMMARY = "database.dump", "files.jsonl", "backup.json"
DEFAULT_ROOT = ""
"""The name, in a backup, of the place that the server proxies: it may be another one later."""


class Summary(BaseModel):
    """What a backup holds. It is there only where the backup is complete."""

    mlflow: str
    database_sha256: str
    files_sha256: str
    files: int


@dataclass(frozen=True)
class File:
    """One file of a backup; `root` is the address of its place."""

    root: str
    name: str
    size: int
    etag: str
    sha256: str


def backup(uri: str, artifacts: str, folder: Path, now: datetime) -> Path:
    """Back up the database at `uri`, the files at `artifacts`, and those of every experiment with a
    place of its own; return the backup's folder.

    What the last backup in `folder` holds is not copied again. A name that no file may have, such
    as one with a control character, is left out with a warning: nobody can stop backups by it.
    Raises RegistryError and OSError.
    """
    require_current(uri)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # a dump holds hashes of passwords
    with locked(folder / "files"):
        return _backup(uri, artifacts, folder, now)


def _backup(uri: str, artifacts: str, folder: Path, now: datetime) -> Path:
    target = folder / f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
    try:
        target.mkdir(mode=0o700)
    except FileExistsError:
        raise UsageError(f"{target} exists; wait a second") from None
    for left in temporary_names(_incoming(folder)):
        left.unlink()
    known = {(file.root, file.name, file.etag): file.sha256 for file in _known(folder)}
    with step("dumping the database"):
        dump(uri, target / DUMP)
        own = _own_roots(uri)
    with step("copying the files"), (target / FILES).open("w") as listed:
        count = 0
        for root, address in ((DEFAULT_ROOT, artifacts), *((root, root) for root in own)):
            for file in _copy(root, open_root(address), folder, known):
                listed.write(json.dumps(asdict(file)) + "\n")
                count += 1
    summary = Summary(
        mlflow=version("mlflow"),
        database_sha256=sha256_of(target / DUMP),
        files_sha256=sha256_of(target / FILES),
        files=count,
    )
    os.sync()  # a summary promises that all else is on disk
    with atomic_write(target / SUMMARY) as temporary:
        temporary.write_text(summary.model_dump_json(indent=2))
    return target


def restore(uri: str, artifacts: str, source: Path) -> int:
    """Load a backup into an empty database, and put back the files that are missing; return the
    number of the backup's files.

    All of the backup is checked before anything is changed, and the database is loaded last, so
    that a restore that was interrupted can be run again. Raises NotFound for what is not a complete
    backup, BytesMismatch where it was changed, UsageError for a database that is not empty and for
    files with other content.
    """
    source = source.resolve()
    with step("checking the backup"):
        files = _checked(source)
    require_empty(uri)
    with step("putting back the files"):
        roots = {root: open_root(root or artifacts) for root in {file.root for file in files}}
        # What has the ETag that it had is not even compared.
        unchanged = {
            (root, stored.name, stored.etag)
            for root, place in roots.items()
            for stored in _stored(place)
        }
        for file in files:
            if (file.root, file.name, file.etag) not in unchanged:
                roots[file.root].upload(_content(source.parent, file.sha256), file.name)
    with step("loading the database"):
        load(uri, source / DUMP)
    return len(files)


def _copy(
    root: str, place: Root, folder: Path, known: dict[tuple[str, str, str], str]
) -> Iterator[File]:
    for stored in place.list():
        if not is_plain(stored.name):
            warn(f"not backed up, since no file may have this name: {on_one_line(stored.name)}")
            continue
        sha256 = known.get((root, stored.name, stored.etag), "")
        if not sha256 or not _has_size(_content(folder, sha256), stored.size):
            sha256 = _fetch(place, stored, folder)
        yield File(root, stored.name, stored.size, stored.etag, sha256)


def _fetch(place: Root, stored: Stored, folder: Path) -> str:
    """Copy a file's content to its place in the backup, whole or not at all."""
    incoming = _incoming(folder)
    incoming.parent.mkdir(exist_ok=True)
    sha256 = place.download(stored.name, incoming)
    content = _content(folder, sha256)
    content.parent.mkdir(exist_ok=True)
    incoming.replace(content)
    return sha256


def _stored(place: Root) -> Iterator[Stored]:
    """The files of a place, which is empty before the first is put back."""
    try:
        yield from place.list()
    except NotFound:
        return


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _incoming(folder: Path) -> Path:
    return folder / "files" / "incoming"


def _content(folder: Path, sha256: str) -> Path:
    return folder / "files" / sha256[:2] / sha256


def _own_roots(uri: str) -> list[str]:
    """The artifact locations of experiments that the server does not proxy."""
    query = sqlalchemy.text(
        "SELECT DISTINCT artifact_location FROM experiments "
        "WHERE artifact_location NOT LIKE 'mlflow-artifacts:%'"
    )
    with open_database(uri) as engine, engine.connect() as connection:
        return sorted(str(location) for location in connection.execute(query).scalars())


def _known(folder: Path) -> Iterator[File]:
    """The files of the last backup in a folder that is complete and whose list is unchanged."""
    for summary in sorted(folder.glob(f"*/{SUMMARY}"), reverse=True):
        source = summary.parent
        with suppress(NotFound, BytesMismatch):
            _require(source / FILES, _summary(source).files_sha256)
            return _files(source)
    return iter(())


def _files(source: Path) -> Iterator[File]:
    with (source / FILES).open() as lines:
        for line in lines:
            yield File(**json.loads(line))


def _summary(source: Path) -> Summary:
    try:
        return Summary.model_validate_json((source / SUMMARY).read_text())
    except (OSError, ValidationError):
        raise NotFound(f"{source} is not a complete backup: it has no valid {SUMMARY}") from None


def _checked(source: Path) -> list[File]:
    """The files of a backup, once every byte of it is what was written."""
    summary = _summary(source)
    for name, sha256 in ((DUMP, summary.database_sha256), (FILES, summary.files_sha256)):
        _require(source / name, sha256)
    files = list(_files(source))
    for sha256 in {file.sha256 for file in files}:
        _require(_content(source.parent, sha256), sha256)
    return files


def _require(path: Path, sha256: str) -> None:
    if not path.is_file() or sha256_of(path) != sha256:
        raise BytesMismatch(f"the backup's {path} is missing or was changed")

"""The cache on disk: the last verified model, the ledger that it belongs to, and the ledger's tip.

Cached files are not trusted: bytes and tip are verified again on every read, and the follower
folds the cached ledger, which verifies its signatures.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from registry.atomic import PARTIAL, atomic_write
from registry.errors import UsageError, VerificationError
from registry.ledger.chain import Ledger, Link, Version
from registry.ledger.files import MAX_MODEL_BYTES, Files, read_files
from registry.ledger.manifest import Manifest
from registry.ledger.tip import Tip, read_tip, write_tip
from registry.tracking.evidence_file import fetch_evidence_file, is_evidence_of
from registry.tracking.fetch import fetch_verified
from registry.tracking.names import EVIDENCE_FILE
from registry.tracking.rest import Registry


class Cache:
    """A folder for one ledger. Several workers may share it."""

    def __init__(self, folder: Path, ledger_id: str) -> None:
        """Raises UsageError where the folder is not writable."""
        self._folder = folder / quote(ledger_id, safe="")
        self._models = self._folder / "models"
        self._ledger = self._folder / "ledger.json"
        self._tip = self._folder / "tip"
        try:
            self._models.mkdir(parents=True, exist_ok=True)
            (self._folder / "lock").touch()
        except OSError as error:
            raise UsageError(
                f"the cache {folder} is not writable ({error.strerror}); "
                "set FRAUD_CACHE to a folder that is"
            ) from error
        with self._locked():
            self._delete_leftovers()

    @property
    def tip(self) -> Tip | None:
        """The remembered tip. Raises what `read_tip` raises."""
        return read_tip(self._tip)

    def require_extension(self, ledger: Ledger) -> None:
        """Raises VerificationError unless the ledger extends the remembered tip."""
        if remembered := self.tip:
            remembered.require(ledger)

    def store(self, ledger: Ledger, versions: Sequence[Version]) -> None:
        """Store the ledger's tip, and the versions as the server listed them.

        Raises VerificationError as `require_extension` does, because another worker may have read
        a longer ledger meanwhile, and UsageError where the folder is not writable.
        """
        content = [asdict(version) for version in versions]
        with self._locked():
            self._delete_leftovers()
            self.require_extension(ledger)
            with atomic_write(self._ledger) as temporary, temporary.open("w") as file:
                json.dump(content, file)  # `dumps` would hold up every request for that time
            # Last, so that the stored ledger is never older than the tip.
            if tip := Tip.of(ledger):
                write_tip(self._tip, tip)

    def versions(self) -> list[Version] | None:
        """The stored versions; None where there are none.

        Raises VerificationError where the file is damaged.
        """
        try:
            return [Version(**version) for version in json.loads(self._ledger.read_text())]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise VerificationError(
                f"{self._ledger} is damaged; delete it to read the ledger from the registry again"
            ) from error

    def fetch(self, registry: Registry, link: Link) -> Files:
        """The files of the entry, verified; downloaded into the cache if necessary.

        Raises BytesMismatch where the server's files differ from its statement, and Unreachable.
        """
        if files := self.verified(link):
            return files
        files = fetch_verified(registry, link)
        destination = self._folder_of(link)
        with self._download_folder() as partial:
            with self._writable():
                files.write(partial / "model")
            with self._locked():
                if not self._holds(link):  # else, another worker was faster
                    with suppress(FileNotFoundError):
                        destination.rename(partial / "damaged")
                    (partial / "model").rename(destination)
        return files

    def evidence(self, registry: Registry, link: Link) -> bytes:
        """The `evidence.json` of the entry, verified; downloaded into the cache if necessary.

        Raises what `fetch_evidence_file` raises.
        """
        path = self._folder / EVIDENCE_FILE
        with suppress(OSError):
            content = path.read_bytes()
            if is_evidence_of(link.statement.entry, content):
                return content
        content = fetch_evidence_file(registry, link)
        with suppress(OSError), atomic_write(path) as temporary:  # it is only a copy
            temporary.write_bytes(content)
        return content

    def verified(self, link: Link) -> Files | None:
        """The cached files of an entry, if they are exactly those of its statement.

        In memory, because the folder can change at any time: by another worker, or by whoever else
        may write to the cache.
        """
        with suppress(VerificationError, UsageError, OSError):
            files = read_files(self._folder_of(link), MAX_MODEL_BYTES)
            link.statement.manifest.require(files.manifest, "the cache")
            return files
        return None

    def delete_all_except(self, ledger: Ledger, *links: Link) -> None:
        """Delete the files of all other entries, unless another worker has read a longer ledger.

        That worker may have stored files that this ledger does not name yet. Raises UsageError
        where the folder is not writable.
        """
        names = {self._folder_of(link).name for link in links}
        with self._locked():
            if read_tip(self._tip) != Tip.of(ledger):
                return
            for folder in self._models.iterdir():
                if folder.name not in names:
                    shutil.rmtree(folder, ignore_errors=True)

    def _holds(self, link: Link) -> bool:
        with suppress(VerificationError, UsageError, OSError):
            return Manifest.of(self._folder_of(link)) == link.statement.manifest
        return False

    def _folder_of(self, link: Link) -> Path:
        return self._models / link.statement.manifest.digest

    @contextmanager
    def _download_folder(self) -> Iterator[Path]:
        """A temporary folder with a lock of its own, which is free once this process has ended."""
        with self._locked():
            folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self._folder))
            lock = (folder / "lock").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)

    def _delete_leftovers(self) -> None:
        """Delete what killed processes left behind. No clock tells: it may jump. To be called with
        the cache's lock, under which files are written and downloads begin.
        """
        for path in self._folder.glob(f"{PARTIAL}*"):
            with suppress(OSError):
                if not path.is_dir():
                    path.unlink()
                    continue
                with (path / "lock").open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails for a live download
                    shutil.rmtree(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._writable(), (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(f"the cache {self._folder}: {error.strerror}") from error

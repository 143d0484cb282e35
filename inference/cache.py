"""What a pod keeps on disk: the last verified model, the ledger it came from, and the tip.

Nothing here is trusted for being here: signatures and bytes are verified again on every read.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from registry.atomic import PARTIAL, atomic_write
from registry.errors import UsageError, VerificationError
from registry.ledger.chain import Ledger, Link, Version
from registry.ledger.manifest import Manifest
from registry.ledger.tip import Tip, read_tip, write_tip
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry

ABANDONED_SECONDS = 3600


class Cache:
    """A folder for one ledger. Several workers may share it."""

    def __init__(self, folder: Path, ledger_id: str) -> None:
        """Raises UsageError where the folder cannot be written to."""
        self._folder = folder / quote(ledger_id, safe="")
        self._models = self._folder / "models"
        self._ledger = self._folder / "ledger.json"
        self._tip = self._folder / "tip"
        try:
            self._models.mkdir(parents=True, exist_ok=True)
            (self._folder / "lock").touch()
        except OSError as error:
            raise UsageError(
                f"the cache {folder} cannot be written to ({error.strerror}); "
                "name a folder that can be in FRAUD_CACHE"
            ) from error
        self._forget_partial_downloads()

    def accept(self, ledger: Ledger) -> None:
        """Raises VerificationError unless the ledger extends what is remembered of it."""
        if remembered := read_tip(self._tip):
            remembered.require(ledger)

    def keep(self, ledger: Ledger, versions: Sequence[Version]) -> None:
        """Remember the ledger's tip, and the ledger as the server told it, for a start without it.

        Raises VerificationError as `accept` does, since another worker may have read further
        meanwhile, and UsageError where it cannot be written.
        """
        text = json.dumps([asdict(one) for one in versions])
        with self._locked():
            self.accept(ledger)
            with atomic_write(self._ledger) as temporary:
                temporary.write_text(text)
            # Last: a ledger that is kept may be newer than the tip, and never older.
            if tip := Tip.of(ledger):
                write_tip(self._tip, tip)

    def versions(self) -> list[Version] | None:
        """The ledger as the server last told it; None where nothing was kept.

        Raises VerificationError where the file is damaged.
        """
        try:
            return [Version(**one) for one in json.loads(self._ledger.read_text())]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise VerificationError(
                f"{self._ledger} is damaged; delete it, and the registry is asked again"
            ) from error

    def fetch(self, registry: Registry, link: Link) -> Path:
        """A folder with exactly the files of the entry's statement; downloaded if need be.

        Raises BytesMismatch where what the server gives is something else, and Unreachable.
        """
        if folder := self.verified(link):
            return folder
        kept = self._place(link)
        with self._writable():
            partial = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=self._folder))
        try:
            with self._writable():
                fetched = fetch_verified(registry, link, partial / "model")
            with self._locked():
                if not self.verified(link):  # another worker may have, and be loading it
                    shutil.rmtree(kept, ignore_errors=True)
                    fetched.rename(kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return kept

    def verified(self, link: Link) -> Path | None:
        """The kept files of an entry, if every one is what its statement names."""
        folder = self._place(link)
        with suppress(VerificationError, UsageError, OSError):
            link.statement.manifest.require(Manifest.of(folder), "the cache")
            return folder
        return None

    def forget_others(self, *links: Link) -> None:
        """Delete the files of every entry but these."""
        kept = {self._place(link).name for link in links}
        for folder in self._models.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _place(self, link: Link) -> Path:
        return self._models / link.statement.manifest.digest

    def _forget_partial_downloads(self) -> None:
        """Of processes that were killed; another worker's, still under way, are younger."""
        for path in self._folder.glob(f"{PARTIAL}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

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

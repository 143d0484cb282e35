"""What `verify` has verified, remembered in a file, so that it need not download it every time."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from registry.errors import UsageError
from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import format_time

MAX_AGE = timedelta(days=30)
"""After which the files of an entry are downloaded again."""
LINE = re.compile(r"(?P<time>[0-9TZ:-]{20}) (?P<digest>[0-9a-f]{64})")


def name_of(link: Link) -> str:
    """Hex sha256 of what an entry has on the server: freezes and rollbacks share it."""
    entry = link.statement.entry
    named = [entry.source, link.statement.files, entry.evidence.model_dump(mode="json")]
    return sha256_of_bytes(json.dumps(named, sort_keys=True).encode())


class Verified:
    """The names that were verified in the last `MAX_AGE`; without a path, none is remembered.

    A line is written as soon as an entry is verified, so that a run that is interrupted is
    continued by the next. A line that is incomplete counts as missing. Whoever can write the file
    can hide damaged files from `verify`: keep it as safe as `ledger.yaml`.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises UsageError for a file that cannot be read."""
        self._path = path
        self._names: set[str] = set()
        now = _now()
        for match in map(LINE.fullmatch, self._lines()):
            with suppress(ValueError):  # such as a month of 13
                if match and now - MAX_AGE <= datetime.fromisoformat(match["time"]) <= now:
                    self._names.add(match["digest"])

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Raises UsageError if the file cannot be written."""
        if self._path is None:
            return
        try:
            with self._path.open("a") as file:
                file.write(f"{format_time(_now())} {name}\n")
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror}") from error

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text().splitlines() if self._path else []
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self._path} cannot be read ({error})") from error


def _now() -> datetime:
    return datetime.now(UTC)

"""Opening a store by its URL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from features.stores.embedded import EmbeddedStore
from features.stores.store import Store
from registry.errors import UsageError

SCHEMES = {
    "memory": "`memory:/folder`, or `memory:` to keep nothing",
    "redis": "`redis://HOST:PORT`",
    "rediss": "`rediss://HOST:PORT` with TLS",
}
"""What the URLs look like, by scheme."""


class Patience(NamedTuple):
    """How long a request waits for Redis, and after how many failures none does for how long."""

    timeout_ms: int = 100
    failures: int = 5
    open_seconds: float = 2.0


def open_store(
    url: str,
    kinds: Sequence[str],
    *,
    reach: int,
    lateness: int,
    is_read_only: bool = False,
    patience: Patience | None = None,
) -> Store:
    """The store that a URL names, for these kinds of entities; times in microseconds.

    `reach` and `lateness` as for `MemoryStore`. With `is_read_only` a folder is left as it is, as
    `EmbeddedStore.open` says; Redis is changed by what the store is told, not by opening it.

    Raises UsageError for a URL that names none, and what the store's own way of opening raises.
    """
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return _embedded(parts, kinds, reach, lateness, is_read_only=is_read_only)
    if parts.scheme in ("redis", "rediss"):
        # Imported only if needed: redis-py takes a tenth of a second.
        from features.stores.redis import RedisStore  # noqa: PLC0415

        try:
            return RedisStore(
                url, kinds, reach=reach, lateness=lateness, **(patience or Patience())._asdict()
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
    known = "; ".join(SCHEMES.values())
    raise UsageError(f"no kind of store is named {parts.scheme!r}: use {known}")


def _embedded(
    parts: SplitResult, kinds: Sequence[str], reach: int, lateness: int, *, is_read_only: bool
) -> EmbeddedStore:
    if parts.netloc:
        raise UsageError(f"`memory://{parts.netloc}`: write `memory:/` and the folder's path")
    folder = Path(unquote(parts.path)) if parts.path else None
    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    seconds = _seconds(settings.pop("fsync", "1"))
    if settings or (parts.query and folder is None):
        raise UsageError(f"`?{parts.query}`: a folder has one setting, `?fsync=SECONDS`")
    return EmbeddedStore.open(
        folder,
        kinds,
        reach=reach,
        lateness=lateness,
        sync_seconds=seconds,
        is_read_only=is_read_only,
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"`fsync={text}`: a number of seconds is needed, or 0 to wait each time")
    return seconds

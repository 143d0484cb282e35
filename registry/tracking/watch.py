"""The ledger as one reader follows it: a look asks only for what was appended since the last one.

docs/decisions/following.md says what is noticed when, and at what cost.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Iterable
from dataclasses import astuple
from typing import NamedTuple

from registry.ledger.chain import Finding, Ledger, Link, Version
from registry.ledger.checkpoint import fold_end
from registry.ledger.fold import fold_opened, open_version
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust
from registry.tracking.rest import VERSIONS_PER_PAGE, Registry

LOOKS_PER_PAGE = 20
"""Looks before everything is read again, for each page of the list: the pages that are read again
then are a twentieth of the requests."""
MAX_SECONDS = 86_400.0
"""Time before everything is read again, however long the ledger is."""


def look_at_end(registry: Registry, trust: Trust, remembered: Iterable[Tip]) -> Ledger | None:
    """The end of the ledger, from its newest versions in one request.

    None where these alone do not prove it (`fold_end`): everything is to be read then. The entries
    of the floor and of the tips that the reader remembers must be among them. Raises Unreachable.
    """
    keys = trust.public_keys()
    opened = [open_version(version, trust, keys) for version in registry.newest_versions()]
    tips = [*remembered, *([trust.floor] if trust.floor else [])]
    return fold_end(opened, trust, [tip.digest for tip in tips])


class _Opened(NamedTuple):
    """A version by its fingerprint, and what came of it. An entry's own text is kept for a cache;
    that of anything else is not, however much of it there is.
    """

    number: int
    fingerprint: bytes
    outcome: Link | Finding
    version: Version | None


class Watch:
    """The ledger on one server, as a reader of it follows it look by look."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._trust: Trust | None = None
        self._opened: list[_Opened] = []
        self._ledger: Ledger | None = None
        self._looks_left = 0
        self._read_again_at = 0.0

    @property
    def entries(self) -> list[Version]:
        """The versions with a statement of this ledger, as the server listed them."""
        return [one.version for one in self._opened if one.version]

    def look(self, trust: Trust) -> Ledger:
        """The ledger now: the same object while nothing has changed.

        The newest version that is known is asked for together with those after it: if it was
        changed or deleted, everything is read again. So it is with other keys, after
        `LOOKS_PER_PAGE` looks a page, and after `MAX_SECONDS`; what was changed or deleted before
        the newest version is noticed then. A signature is verified once.

        Raises what `Registry.versions` and `fold` raise.
        """
        if trust != self._trust:
            self._trust, self._opened = trust, []
        if not self._read_newer(trust):
            self._read_all(trust)
        if self._ledger is None:
            self._ledger = fold_opened((one.outcome for one in self._opened), trust)
        return self._ledger

    def _read_newer(self, trust: Trust) -> bool:
        """Read what follows the newest known version; False where everything is to be read."""
        self._looks_left -= 1
        if not self._opened or self._looks_left < 0 or time.monotonic() > self._read_again_at:
            return False
        newest = self._opened[-1]
        # One at first: should its tags have grown too large, a page of several is asked for again.
        listed = self._registry.versions(newest.number, page=1)
        first = next(listed, None)
        if first is None or _fingerprint(first) != newest.fingerprint:
            return False
        if newer := list(_opened(listed, trust, {})):
            self._opened += newer
            self._ledger = None
        return True

    def _read_all(self, trust: Trust) -> None:
        known = {one.fingerprint: one for one in self._opened}
        opened = list(_opened(self._registry.versions(), trust, known))
        if opened != self._opened or not opened:
            self._opened, self._ledger = opened, None
        pages = len(opened) // VERSIONS_PER_PAGE + 1
        early = random.uniform(0.5, 1.0)  # noqa: S311  (pods that start together read apart)
        self._looks_left = round(LOOKS_PER_PAGE * pages * early)
        self._read_again_at = time.monotonic() + MAX_SECONDS * early


def _opened(
    versions: Iterable[Version], trust: Trust, known: dict[bytes, _Opened]
) -> Iterable[_Opened]:
    keys = trust.public_keys()
    for version in versions:
        fingerprint = _fingerprint(version)
        if fingerprint in known:
            yield known[fingerprint]
            continue
        outcome = open_version(version, trust, keys)
        kept = version if isinstance(outcome, Link) else None
        yield _Opened(version.number, fingerprint, outcome, kept)


def _fingerprint(version: Version) -> bytes:
    return hashlib.sha256(json.dumps(astuple(version)).encode()).digest()

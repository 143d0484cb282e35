"""Following the ledger: fold, fetch, verify, load, swap; and starting without the registry."""

from __future__ import annotations

import ctypes
import logging
import random
import threading
from contextlib import suppress
from pathlib import Path

from inference.cache import Cache
from inference.metrics import Metrics
from inference.model import ServedModel, load_model
from inference.serving import Serving
from inference.settings import Settings
from registry.errors import (
    BytesMismatch,
    ContractError,
    NotFound,
    RegistryError,
    Unreachable,
    UsageError,
    VerificationError,
)
from registry.ledger.chain import Finding, Ledger, Link, Version
from registry.ledger.fold import fold
from registry.ledger.trust import Trust, read_trust
from registry.tracking.head import head_of
from registry.tracking.rest import Registry

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
JITTER = 0.2

REASONS: tuple[tuple[type[Exception], str], ...] = (
    (BytesMismatch, "bytes"),
    (ContractError, "contract"),
    (VerificationError, "verification"),
    (Unreachable, "unreachable"),
    (NotFound, "empty"),
)

log = logging.getLogger("inference")


class Follower:
    """Keeps `serving` at the ledger's head. A model that is served stays until another is ready."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        trust: Trust,
        cache: Cache,
        serving: Serving,
        metrics: Metrics,
    ) -> None:
        self._settings, self._registry, self._trust = settings, registry, trust
        self._cache, self.serving, self._metrics = cache, serving, metrics
        self._findings = frozenset[Finding]()
        self._settled: tuple[list[Version], Trust] | None = None
        """What was read when the head was last found to be the one that is served."""
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look again and again, in a thread that never keeps the process from ending."""
        threading.Thread(target=self._run, name="follower", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopped.is_set():
            confirmed = self.look()
            if confirmed and not self._settings.poll_seconds:
                return
            if self.serving.model:
                wait = self._settings.poll_seconds or LONGEST_WAIT_SECONDS
                pause = wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            else:
                log.error("not ready: %s", self.serving.problem)
                pause = wait * random.uniform(0.5, 1.0)  # noqa: S311
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
            self._stopped.wait(pause)

    def look(self) -> bool:
        """One look at the ledger; True when its head is what is served afterwards.

        Nothing is raised: whatever goes wrong must be read in /healthcheck, in a metric and in the
        log, and the model that is served stays.
        """
        try:
            self._look()
        except Exception as error:
            known = isinstance(error, RegistryError)
            if not known:
                log.exception("following the ledger failed")
            # What is not ours may quote anything, and this is shown to whoever asks.
            self.serving.problem = str(error) if known else f"{type(error).__name__}; see the log"
            kinds = (word for kind, word in REASONS if isinstance(error, kind))
            self._metrics.swap_failed(next(kinds, "error"))
            if self.serving.model:
                log.error("the model stays as it is: %s", self.serving.problem)
            return False
        self.serving.source = "registry"
        self.serving.confirm()
        return True

    def _look(self) -> None:
        self._read_trust()
        try:
            versions = self._registry.versions()
        except Unreachable as error:
            if self.serving.model is None:
                self._start_from_cache(error)
            raise
        if (versions, self._trust) == self._settled:
            return  # to verify a thousand signatures again would slow requests for no gain
        ledger = fold(versions, self._trust)
        self._report(ledger)
        self._cache.accept(ledger)
        not_kept: UsageError | None = None
        try:
            self._cache.keep(ledger, versions)
        except UsageError as error:  # a full disk must not stop a pod whose model is in the cache
            not_kept = error
        head = head_of(ledger)
        served = self.serving.model
        if served is None or served.link != head:
            folder = self._cache.fetch(self._registry, head)
            self._load(folder, head)
            self._cache.forget_others(head, *([served.link] if served else []))
        if not_kept:
            raise not_kept
        self._settled = (versions, self._trust)

    def _read_trust(self) -> None:
        """The keys as they are now: one that was revoked must not count until a restart."""
        trust = read_trust(self._settings.ledger_config, self._trust.floor)
        if trust.ledger_id != self._trust.ledger_id:
            raise UsageError(
                f"{self._settings.ledger_config} names another ledger now, {trust.ledger_id}; "
                "restart to serve from that one"
            )
        self._trust = trust

    def _start_from_cache(self, unreachable: Unreachable) -> None:
        """Serve what the ledger said when it was last read, after verifying all of it again."""
        versions = self._cache.versions()
        if versions is None:
            return
        try:
            ledger = fold(versions, self._trust)
            self._cache.accept(ledger)
            head = head_of(ledger)
            folder = self._cache.verified(head)
        except RegistryError as error:
            raise type(error)(f"{unreachable}; and what the cache holds: {error}") from error
        if folder is None:
            raise Unreachable(f"{unreachable}; and the cache does not hold {head}")
        self.serving.source, self.serving.problem = "cache", str(unreachable)
        self._load(folder, head)
        self._metrics.cache_starts.inc()
        log.warning("started from the cache: %s", unreachable)

    def _load(self, folder: Path, head: Link) -> None:
        model = load_model(
            folder,
            head,
            unknown=self._settings.unknown_fields,
            most_rows=self._settings.batch_rows,
        )
        self.serve(model)
        _give_back_memory()
        log.info("serving %s, digest %s", head, model.digest)

    def serve(self, model: ServedModel) -> None:
        """Answer with this model from the next request on; one assignment, so nobody waits."""
        before = self.serving.model
        self._metrics.loaded(before, model)
        self.serving.model = model

    def _report(self, ledger: Ledger) -> None:
        """Log what is beside the chain, once and not at every look."""
        for finding in ledger.findings:
            if finding not in self._findings:
                log.warning("in the ledger, %s", finding)
        self._findings = frozenset(ledger.findings)


def _give_back_memory() -> None:
    """Loading leaves freed memory behind that glibc would keep."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

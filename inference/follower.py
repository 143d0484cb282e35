"""Follows the ledger: poll, fold, fetch, verify, load, swap. Starts from the cache if it must."""

from __future__ import annotations

import ctypes
import gc
import logging
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from inference.cache import Cache
from inference.history import Histories
from inference.history_upkeep import IncompleteHistory
from inference.metrics import Metrics
from inference.model import ServedModel, load_model
from inference.serving import Serving, Source
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
from registry.ledger.chain import Finding, Ledger, Link
from registry.ledger.files import Files
from registry.ledger.fold import fold
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, read_trust
from registry.tracking.evidence_file import passed_gate
from registry.tracking.head import head_of
from registry.tracking.names import WITHOUT_HISTORY
from registry.tracking.rest import Registry
from registry.tracking.watch import Watch, look_at_end

INITIAL_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 30.0
JITTER = 0.2
"""Share of the poll interval by which each pause is varied, so that pods do not poll in step."""

FAILURE_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (IncompleteHistory, "history"),
    (BytesMismatch, "bytes"),
    (ContractError, "contract"),
    (VerificationError, "verification"),
    (Unreachable, "unreachable"),
    (NotFound, "empty"),
)

log = logging.getLogger("inference")


class Follower:
    """Keeps the ledger's head in service. A model is served until its successor is loaded."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        trust: Trust,
        cache: Cache,
        serving: Serving,
        metrics: Metrics,
        histories: Histories,
    ) -> None:
        self._histories = histories
        self._settings, self._registry, self._trust = settings, registry, trust
        self._cache, self.serving, self._metrics = cache, serving, metrics
        self._findings = frozenset[Finding]()
        self._watch = Watch(registry)
        self._confirmed: Ledger | None = None
        """The ledger for which the served model is the head."""
        self._has_looked = False
        """Whether a look at the ledger's end has been answered: one is enough."""
        self._end: Tip | None = None
        """The tip that such a look has found, until the ledger is in the cache with it."""
        self._is_confirmed = True
        """False while nothing but the ledger's end has confirmed the served model."""
        self._stopped = threading.Event()

    def start(self) -> None:
        """Poll repeatedly, in a daemon thread, which does not keep the process alive."""
        threading.Thread(target=self._run, name="follower", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        wait = INITIAL_WAIT_SECONDS
        while not self._stopped.is_set():
            confirmed = self.poll()
            if confirmed and self.serving.source == "checkpoint":
                with _without_collections():
                    confirmed = self.poll()  # reads the whole ledger, right after its end
            if confirmed and not self._settings.poll_seconds:
                return
            if self.serving.model:
                wait = self._settings.poll_seconds or MAX_WAIT_SECONDS
                pause = wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
            else:
                log.error("not ready: %s", self.serving.problem)
                pause = wait * random.uniform(0.5, 1.0)  # noqa: S311
                wait = min(wait * 2, MAX_WAIT_SECONDS)
            self._stopped.wait(pause)

    def poll(self) -> bool:
        """Read the ledger once; return whether its head is served afterwards.

        Never raises: a failure is reported in /healthcheck, in a metric and in the log, and the
        served model stays, unless it was started from the ledger's end and the whole contradicts.
        """
        served = self._served
        try:
            source = self._poll()
        except Exception as error:
            is_ours = isinstance(error, RegistryError)
            if isinstance(error, IncompleteHistory):
                # The ledger was read: that its head waits, for days perhaps, is no lag.
                self.serving.confirm()
            if not is_ours:
                log.exception("following the ledger failed")
            # The text of any other error may contain secrets, and /healthcheck needs no token.
            self.serving.problem = str(error) if is_ours else f"{type(error).__name__}; see the log"
            reasons = (reason for kind, reason in FAILURE_REASONS if isinstance(error, kind))
            self._metrics.swap_failed(next(reasons, "error"))
            if self.serving.model:
                log.error("keeping the served model: %s", self.serving.problem)
            return False
        finally:
            if self._served != served:  # and its files are not referenced any more
                _release_memory()
        self.serving.source = source
        self.serving.confirm()
        return True

    @property
    def _served(self) -> Link | None:
        return self.serving.model.link if self.serving.model else None

    def _poll(self) -> Source:
        self._read_trust()
        try:
            end = None if self._has_looked or self.serving.model else self._look_at_end()
            ledger = end or self._look_at_all()
        except Unreachable as error:
            if self.serving.model is None:
                self._start_from_cache(error)
            raise
        if end:
            head = head_of(end)
            self._load(self._cache.fetch(self._registry, head), head)
            self._is_confirmed = False
            return "checkpoint"
        if ledger is not self._confirmed:
            self._follow(ledger)
        return "registry"

    def _look_at_all(self) -> Ledger:
        """The whole ledger. If it contradicts its end, the model that only that has confirmed is
        given up.
        """
        try:
            ledger = self._watch.look(self._trust)
            if self._end:
                self._end.require(ledger)
            if not self._is_confirmed:
                head_of(ledger)
        except (VerificationError, NotFound):
            if not self._is_confirmed:
                self.serving.model = None
            raise
        if not self._is_confirmed:
            self._is_confirmed, self.serving.source = True, "registry"
        return ledger

    def _look_at_end(self) -> Ledger | None:
        """The ledger's end for a process that has served nothing yet; None where it is no proof."""
        remembered = self._cache.tip
        end = look_at_end(self._registry, self._trust, [remembered] if remembered else [])
        self._has_looked = True
        self._end = Tip.of(end) if end else None
        return end

    def _follow(self, ledger: Ledger) -> None:
        """Serve the head of the whole ledger, and remember the ledger."""
        self._log_findings(ledger)
        self._cache.require_extension(ledger)
        not_stored: UsageError | None = None
        try:
            self._cache.store(ledger, self._watch.entries)
        except UsageError as error:  # with a full disk, a model in the cache can still be served
            not_stored = error
        else:
            self._end = None
        head = head_of(ledger)
        served = self._served
        if served != head:
            self._load(self._cache.fetch(self._registry, head), head)
        self._cache.delete_all_except(ledger, head, *([served] if served else []))
        if not_stored:
            raise not_stored
        self._confirmed = ledger

    def _read_trust(self) -> None:
        """Read the trusted keys again, so that a revocation takes effect without a restart."""
        trust = read_trust(self._settings.ledger_config, self._trust.floor)
        if trust.ledger_id != self._trust.ledger_id:
            raise UsageError(
                f"{self._settings.ledger_config} now names another ledger, {trust.ledger_id}; "
                "restart the service to follow it"
            )
        self._trust = trust

    def _start_from_cache(self, unreachable: Unreachable) -> None:
        """Serve the head of the cached ledger, after verifying everything again."""
        versions = self._cache.versions()
        if versions is None:
            return
        try:
            ledger = fold(versions, self._trust)
            self._cache.require_extension(ledger)
            head = head_of(ledger)
            files = self._cache.verified(head)
        except RegistryError as error:
            raise type(error)(f"{unreachable}; in the cache: {error}") from error
        if files is None:
            raise Unreachable(f"{unreachable}; and the cache does not hold {head}")
        self.serving.source, self.serving.problem = "cache", str(unreachable)
        self._load(files, head)
        self._metrics.cache_starts.inc()
        log.warning("started from the cache: %s", unreachable)

    def _load(self, files: Files, head: Link) -> None:
        unknown, max_rows = self._settings.unknown_fields, self._settings.batch_rows
        computes = self._settings.features == "service"
        model = load_model(
            files,
            head,
            unknown=unknown,
            max_rows=max_rows,
            computes_features=computes,
            answers_without_history=computes and self._may_answer_without_history(head),
        )
        self.serve(model)
        log.info("serving %s, digest %s", head, model.digest)

    def _may_answer_without_history(self, head: Link) -> bool:
        """Whether the settings allow it, and the model has passed the gate that judges it.

        Raises Unreachable if the registry is away and the evidence is not in the cache, but not
        where nothing is served yet: then the store has to be there.
        """
        if self._settings.store_away == "refuse":
            return False
        try:
            evidence = self._cache.evidence(self._registry, head)
            passed = passed_gate(evidence, WITHOUT_HISTORY)
        except (BytesMismatch, NotFound, Unreachable) as error:
            if isinstance(error, Unreachable) and self.serving.model:
                raise
            log.error("without the feature store, there are no answers: %s", error)
            return False
        if not passed:
            log.warning(
                "%s has not passed the gate %s: while the feature store is away, requests are "
                "refused",
                head,
                WITHOUT_HISTORY,
            )
        return passed

    def serve(self, model: ServedModel) -> None:
        """Serve this model from the next request on. The swap is one assignment: nothing waits.

        Raises ContractError where the feature store does not hold what the model needs. A rollback
        does not wait for history: what it replaces may be worse.
        """
        if model.raw and model.raw.plan.windows:
            served = self.serving.model.raw if self.serving.model else None
            is_rollback = model.link.statement.entry.action == "rollback"
            self._histories.prepare(model.raw, served, at_once=is_rollback)
        try:
            self._metrics.model_loaded(self.serving.model, model)
        except OSError:  # a full disk must not keep a promotion or a rollback back
            log.exception("the metrics of this model are incomplete until the next swap or restart")
        self.serving.model = model

    def _log_findings(self, ledger: Ledger) -> None:
        """Log each finding once, not on every poll."""
        for finding in ledger.findings:
            if finding not in self._findings:
                log.warning("in the ledger, %s", finding)
        self._findings = frozenset(ledger.findings)


@contextmanager
def _without_collections() -> Iterator[None]:
    """While a long ledger is read beside requests: a collection of so many new objects would hold
    each request up for a tenth of a second. They stay, so that no later collection visits them.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _release_memory() -> None:
    """Return the memory that loading has freed to the system; glibc would keep it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

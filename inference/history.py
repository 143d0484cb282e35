"""The history of transactions: from a store to the inputs of the model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast

from features.amounts import units_of
from features.online import MICROSECONDS_PER_DAY, Seen, Transaction
from features.stores.opening import Patience, open_store
from features.stores.outcomes import Conflict, OutOfRange
from features.stores.store import Store, StoreUnavailable
from inference.history_upkeep import IncompleteHistory, Upkeep
from inference.messages import RETRY_AFTER_SECONDS, Reply, json_reply
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.raw import TIME_PLACE, RawForm
from inference.settings import Settings
from inference.transaction import InvalidTransaction
from inference.worker_files import shares_requests
from registry.errors import ContractError, UsageError
from registry.model.scorer import Value

ROWS_AT_ONCE = 100
"""Transactions of a batch after which other requests get their turn: two milliseconds."""
CLOSING_SECONDS = 5.0
"""For what was answered without history to be recorded when the process ends."""
_MICROSECONDS = 1_000_000
_WIDEST_OFFSET = 14 * 3600
"""Seconds by which local time is ahead of UTC at most: of times without an offset."""


STORE_AWAY = json_reply(
    {"detail": "the feature store is away; sending the same again is safe"},
    503,
    (b"retry-after", b"%d" % RETRY_AFTER_SECONDS),
)

log = logging.getLogger("inference")


def store_away(error: StoreUnavailable, metrics: Metrics) -> Reply:
    """The reply where the store is away, which is counted; the reason is in the log."""
    count_away(error, metrics)
    return STORE_AWAY


def count_away(error: StoreUnavailable, metrics: Metrics) -> None:
    """Count a request that the store did not answer, and log why."""
    metrics.store_unavailable.inc()
    log.error("the feature store is away: %s", error)


class ConflictingTransaction(InvalidTransaction):
    """The id is that of another transaction."""

    status = 409


class Completed(NamedTuple):
    """A transaction's id, and the inputs of the model in the contract's order.

    `has_history` is false where the store was away: its features are those of an empty history.
    """

    transaction_id: str
    inputs: list[Value]
    has_history: bool = True


class Histories:
    """Completes transactions by their history, and makes them part of it."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._url = settings.feature_store
        self._lateness = round(settings.max_lateness_days * MICROSECONDS_PER_DAY)
        self._max_ahead = settings.max_ahead_seconds
        self._patience = Patience(
            settings.store_timeout_ms, settings.store_failures, settings.store_open_seconds
        )
        self._metrics = metrics
        self.upkeep = Upkeep(metrics)

    @property
    def store(self) -> Store | None:
        """None until a model that needs one is served."""
        return self.upkeep.store

    def prepare(self, form: RawForm, served: RawForm | None, *, at_once: bool) -> None:
        """Have a store for the transactions of a model that is to be served instead of `served`.

        Raises ContractError where the open store does not hold the entities that the model's
        features need; IncompleteHistory where they look back further than those of the served
        model, and the store does not hold all of that yet, unless it is to be served `at_once`;
        and UsageError where FRAUD_FEATURE_STORE is not one that this process can open, as is an
        embedded one where several workers answer requests.
        """
        upkeep, reach = self.upkeep, form.plan.reach
        if upkeep.store is None:
            if self._url.startswith("memory:") and shares_requests():
                raise UsageError(
                    "several workers share no memory: set FRAUD_FEATURE_STORE to a `redis://` URL, "
                    "WEB_CONCURRENCY=1, or FRAUD_FEATURES=client"
                )
            upkeep.store = open_store(
                self._url,
                form.entities,
                reach=reach,
                lateness=self._lateness,
                patience=self._patience,
            )
            upkeep.kept = reach
        elif missing := set(form.entities) - set(upkeep.store.kinds):
            raise ContractError(
                f"the model needs the history of {', '.join(sorted(missing))}, which the feature "
                "store does not hold: load it with `python -m features load` into another store, "
                "and restart with FRAUD_FEATURE_STORE set to that"
            )
        upkeep.reach = max(upkeep.reach, reach)
        if served is not None and reach > served.plan.reach and not at_once:
            self._require_whole(reach, zoned=form.zoned)
        upkeep.served_reach = reach

    def missing_of(self, model: ServedModel) -> dict[str, datetime] | None:
        """Which times the windows of a model lack, and until when; None if they are whole."""
        if model.raw is None:
            return None
        reach = model.raw.plan.reach
        span = self.upkeep.missing(reach)
        return span.shown(reach, zoned=model.raw.zoned) if span else None

    def _require_whole(self, reach: int, *, zoned: bool) -> None:
        days = f"the model's features look back {reach / MICROSECONDS_PER_DAY:g} days"
        if self.upkeep.kept < reach:
            raise IncompleteHistory(
                f"{days}: the feature store is told to keep so much from now on"
            )
        if span := self.upkeep.missing(reach):
            times = span.shown(reach, zoned=zoned)
            raise IncompleteHistory(
                f"{days}, and the feature store lacks those from {times['since']:%Y-%m-%d %H:%M} "
                f"to {times['until']:%Y-%m-%d %H:%M}: the model is served once they are loaded "
                f"with `python -m features load`, or on {times['whole_on']:%Y-%m-%d}, when nothing "
                "reaches back to them any more"
            )

    async def close(self) -> None:
        if self.store is None:
            return
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.upkeep.record_waiting(self.store)
        except (StoreUnavailable, TimeoutError):
            self.upkeep.give_up()
        finally:
            await self.store.close()

    async def complete(
        self,
        form: RawForm,
        rows: Sequence[Sequence[Value]],
        *,
        record: bool = True,
        may_lack_history: bool = True,
    ) -> list[Completed]:
        """The inputs of each transaction, from values as `describe_fields` orders them.

        Transactions count in order of their time, and each sees those before it. What is invalid
        in one leaves those before it recorded: to send all again is safe, since each counts once.
        Where the store is away, and the form and `may_lack_history` allow it, the others have no
        history; they become part of it later.

        Raises InvalidTransaction for a time too far ahead or older than what is kept, and for an
        amount that cannot be counted, ConflictingTransaction for an id that is that of another
        transaction, and StoreUnavailable.
        """
        store, latest = self.store, self._latest(form)
        kinds = store.kinds if store and form.plan.windows else form.entities
        completed: dict[int, Completed] = {}
        is_away = False
        in_order: Sequence[int] = range(len(rows))
        if len(rows) > 1:
            in_order = sorted(in_order, key=lambda number: cast(int, rows[number][TIME_PLACE]))
        for count, number in enumerate(in_order, 1):
            location = ("transactions", number) if len(rows) > 1 else ()
            transaction = form.transaction(rows[number], kinds)
            if latest is not None and transaction.time > latest:
                beyond = (transaction.time - latest) / _MICROSECONDS
                message = f"is {beyond:,.0f} s later than {self._max_ahead:g} s from now"
                raise InvalidTransaction.of_body("too_far_ahead", message, *location, form.time)
            seen: Mapping[str, Sequence[Seen] | None] | None = None
            if not is_away:
                try:
                    seen = await self._seen(form, transaction, location, record=record)
                except StoreUnavailable as error:
                    if not (may_lack_history and form.answers_without_history):
                        raise
                    is_away = True  # the others do not wait for it as well
                    count_away(error, self._metrics)
            has_history = seen is not None
            if seen is None:
                self._note_without_history(form, transaction, location, record=record)
                seen = form.no_history
            inputs = form.inputs(rows[number], transaction, seen)
            completed[number] = Completed(transaction.id, inputs, has_history)
            if not count % ROWS_AT_ONCE:
                await asyncio.sleep(0)
        return [completed[number] for number in range(len(rows))]

    async def _seen(
        self,
        form: RawForm,
        transaction: Transaction,
        location: tuple[str | int, ...],
        *,
        record: bool,
    ) -> Mapping[str, Sequence[Seen] | None]:
        """What the store says of a transaction, which becomes history; nothing, if no feature of
        the model needs one.
        """
        if not form.plan.windows:
            return {}
        store = self.store
        assert store is not None  # noqa: S101  (`prepare` comes before a model is served)
        ask = store.add if record else store.peek
        try:
            seen, repeated = await ask(transaction, form.plan.windows)
        except OutOfRange as error:
            raise InvalidTransaction.of_body("too_old", str(error), *location, form.time) from error
        except Conflict as error:
            raise ConflictingTransaction.of_body(
                "conflict", str(error), *location, form.id
            ) from error
        except ValueError as error:
            raise _uncountable(form, error, location) from error
        if record:
            self._metrics.recorded(repeated=repeated)
            self.upkeep.recorded(transaction.time)
        return seen

    def _note_without_history(
        self,
        form: RawForm,
        transaction: Transaction,
        location: tuple[str | int, ...],
        *,
        record: bool,
    ) -> None:
        """Count a transaction that the store was not asked about, and have it recorded later."""
        try:
            units_of(transaction.amount)
        except ValueError as error:
            raise _uncountable(form, error, location) from error
        self._metrics.without_history.inc()
        if record:
            self.upkeep.record_later(transaction)

    def _latest(self, form: RawForm) -> int | None:
        """The latest time that is taken, in microseconds."""
        if not self._max_ahead:
            return None
        offset = 0 if form.zoned else _WIDEST_OFFSET
        return round((time.time() + self._max_ahead + offset) * _MICROSECONDS)


def _uncountable(
    form: RawForm, error: ValueError, location: tuple[str | int, ...]
) -> InvalidTransaction:
    return InvalidTransaction.of_body("amount", str(error), *location, form.amount)

"""The history of transactions: from a store to the inputs of the model."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import NamedTuple, cast

from features.online import MICROSECONDS_PER_DAY, Transaction
from features.stores.opening import open_store
from features.stores.outcomes import Answer, Conflict, OutOfRange
from features.stores.store import Store, StoreUnavailable
from inference.messages import RETRY_AFTER_SECONDS, Reply, json_reply
from inference.metrics import Metrics
from inference.raw import TIME_PLACE, RawForm
from inference.settings import Settings
from inference.transaction import InvalidTransaction
from inference.worker_files import shares_requests
from registry.errors import ContractError, UsageError
from registry.model.scorer import Value

ROWS_AT_ONCE = 100
"""Transactions of a batch after which other requests get their turn: two milliseconds."""
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
    metrics.store_unavailable.inc()
    log.error("the feature store is away: %s", error)
    return STORE_AWAY


class ConflictingTransaction(InvalidTransaction):
    """The id is that of another transaction."""

    status = 409


class Completed(NamedTuple):
    """A transaction's id, and the inputs of the model in the contract's order."""

    transaction_id: str
    inputs: list[Value]


class Histories:
    """Completes transactions by their history, and makes them part of it."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Raises UsageError for an embedded store where several workers answer requests."""
        embedded = settings.feature_store.startswith("memory:")
        if settings.features == "service" and embedded and shares_requests():
            raise UsageError(
                "several workers share no memory: set FRAUD_FEATURE_STORE to a `redis://` URL, "
                "WEB_CONCURRENCY=1, or FRAUD_FEATURES=client"
            )
        self._url = settings.feature_store
        self._lateness = round(settings.max_lateness_days * MICROSECONDS_PER_DAY)
        self._max_ahead = settings.max_ahead_seconds
        self._new = metrics.history.labels("new")
        self._repeated = metrics.history.labels("repeated")
        self._reach = 0
        self.store: Store | None = None

    def prepare(self, form: RawForm) -> None:
        """Have a store for the transactions of a model that is to be served.

        Raises ContractError where the open store does not hold what the model's features need, and
        UsageError where FRAUD_FEATURE_STORE is not one that this process can open.
        """
        if self.store is None:
            self._reach = form.plan.reach
            self.store = open_store(
                self._url, form.entities, reach=self._reach, lateness=self._lateness
            )
            return
        if form.plan.reach > self._reach:
            days = self._reach / MICROSECONDS_PER_DAY
            raise ContractError(
                f"the model's features look back further than the {days:g} days that the feature "
                "store keeps: restart the service, which then keeps more, and load the rest with "
                "`python -m features load`"
            )
        if missing := set(form.entities) - set(self.store.kinds):
            raise ContractError(
                f"the model needs the history of {', '.join(sorted(missing))}, which the feature "
                "store does not hold: load it with `python -m features load` into another store, "
                "and restart with FRAUD_FEATURE_STORE set to that"
            )

    async def close(self) -> None:
        if self.store is not None:
            await self.store.close()

    async def complete(
        self, form: RawForm, rows: Sequence[Sequence[Value]], *, record: bool = True
    ) -> list[Completed]:
        """The inputs of each transaction, from values as `describe_fields` orders them.

        Transactions count in order of their time, and each sees those before it. What is invalid
        in one leaves those before it recorded: to send all again is safe, since each counts once.

        Raises InvalidTransaction for a time too far ahead or older than what is kept, and for an
        amount that cannot be counted, ConflictingTransaction for an id that is that of another
        transaction, and StoreUnavailable.
        """
        assert self.store is not None  # noqa: S101  (`prepare` comes before a model is served)
        latest = self._latest(form)
        completed: dict[int, Completed] = {}
        in_order: Sequence[int] = range(len(rows))
        if len(rows) > 1:
            in_order = sorted(in_order, key=lambda number: cast(int, rows[number][TIME_PLACE]))
        for count, number in enumerate(in_order, 1):
            location = ("transactions", number) if len(rows) > 1 else ()
            transaction = form.transaction(rows[number], self.store.kinds)
            if latest is not None and transaction.time > latest:
                beyond = (transaction.time - latest) / _MICROSECONDS
                message = f"is {beyond:,.0f} s later than {self._max_ahead:g} s from now"
                raise InvalidTransaction.of_body("too_far_ahead", message, *location, form.time)
            answer = await _answer(self.store, form, transaction, location, record=record)
            if record:
                (self._repeated if answer.repeated else self._new).inc()
            inputs = form.inputs(rows[number], transaction, answer.seen)
            completed[number] = Completed(transaction.id, inputs)
            if not count % ROWS_AT_ONCE:
                await asyncio.sleep(0)
        return [completed[number] for number in range(len(rows))]

    def _latest(self, form: RawForm) -> int | None:
        """The latest time that is taken, in microseconds."""
        if not self._max_ahead:
            return None
        offset = 0 if form.zoned else _WIDEST_OFFSET
        return round((time.time() + self._max_ahead + offset) * _MICROSECONDS)


async def _answer(
    store: Store,
    form: RawForm,
    transaction: Transaction,
    location: tuple[str | int, ...],
    *,
    record: bool,
) -> Answer:
    ask = store.add if record else store.peek
    try:
        return await ask(transaction, form.plan.windows)
    except OutOfRange as error:
        raise InvalidTransaction.of_body("too_old", str(error), *location, form.time) from error
    except Conflict as error:
        raise ConflictingTransaction.of_body("conflict", str(error), *location, form.id) from error
    except ValueError as error:
        raise InvalidTransaction.of_body("amount", str(error), *location, form.amount) from error

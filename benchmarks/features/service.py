"""The service on one core: transactions as they are, against inputs that the client computed."""

from __future__ import annotations

import asyncio
import json
import statistics
import time

from benchmarks.features.streams import HISTORY, KINDS, LATENESS, PLAN, later, spread
from benchmarks.growth.models import boosted, contract_of, served
from benchmarks.growth.requests import fast_path_of, post
from benchmarks.growth.row import Row
from features.definitions import calendar_features
from features.stores.embedded import EmbeddedStore
from inference.fast_path import FastPath
from inference.history import Histories
from inference.history_upkeep import shown_time
from inference.metrics import Metrics
from inference.raw import RawForm
from inference.settings import Settings
from registry.model.contract import Contract, TransactionForm

ADDED, ROUNDS = 200, 9


def handbook_contract() -> Contract:
    """The amount, the book's 12 features of histories, and its two of the calendar."""
    calendar = calendar_features(["night", "weekend"])
    names = ["amount", *(each.name for each in HISTORY), *(each.name for each in calendar)]
    plain = contract_of(len(names))
    inputs = [
        one.model_copy(update={"name": name, "high": 1e4})
        for one, name in zip(plain.inputs, names, strict=True)
    ]
    form = TransactionForm(id="id", time="time", zoned=True, amount="amount", entities=KINDS)
    changed = {"inputs": inputs, "history_features": HISTORY, "calendar_features": calendar}
    return Contract.model_validate(
        {**plain.model_dump(), **changed, "version": 2, "transaction": form}
    )


def raw_by_vector(events: int) -> float:
    """Requests per second with `memory:` by those with the 15 inputs, in turn: the median of
    several rounds. The store holds `events` transactions already.

    Both are of the same transactions: the inputs are those that the service computed of them, so
    that neither repeats a body, whose path through the trees the processor would remember.
    """
    return asyncio.run(_ratio(events))


async def _ratio(events: int) -> float:
    contract = handbook_contract()
    assert contract.transaction is not None  # noqa: S101
    model, raw = boosted(len(contract.inputs)), RawForm(contract, contract.transaction)
    histories = Histories(Settings.model_validate({}), Metrics(lambda: 0, lambda: 0.0))
    store = EmbeddedStore.open(None, KINDS, reach=PLAN.reach, lateness=LATENESS, sync_seconds=1)
    for transaction, _ in spread(events):
        await store.add(transaction, {})
    histories.upkeep.store = store
    served_raw = served(model, contract, 1, raw)
    of_raw, of_vector = (
        fast_path_of(served_raw, histories),
        fast_path_of(served(model, contract, 1)),
    )
    ratios = []
    for number in range(ROUNDS):
        bodies = [_body(number * ADDED + each) for each in range(ADDED)]
        raw_seconds = await _seconds(of_raw, bodies)
        rows = [served_raw.reader.read(body) for body in bodies]
        completed = await histories.complete(raw, rows, record=False)
        vectors = [dict(zip(contract.names, one.inputs, strict=True)) for one in completed]
        seconds = await _seconds(of_vector, [json.dumps(one).encode() for one in vectors])
        ratios.append(seconds / raw_seconds)
    return statistics.median(ratios)


async def _seconds(app: FastPath, bodies: list[bytes]) -> float:
    start = time.thread_time()
    for body in bodies:
        await post(app, body)
    return time.thread_time() - start


def _body(number: int) -> bytes:
    transaction = later(number)
    at = shown_time(transaction.time, zoned=True).isoformat()
    fields = {"id": transaction.id, "time": at, "amount": transaction.amount}
    return json.dumps({**fields, **dict(zip(KINDS, transaction.entities, strict=True))}).encode()


ROWS = (
    Row(
        "predict-raw",
        "requests per second of transactions, by those of 15 inputs",
        "events",
        "times",
        (1_000, 2_000),
        (100_000, 1_000_000),
        raw_by_vector,
    ),
)

"""Transactions, and the windows of the Handbook's 15 features."""

from __future__ import annotations

import random
from collections.abc import Iterator

from features.definitions import history_features
from features.online import MICROSECONDS_PER_DAY, Plan, Transaction

KINDS = ("card", "shop")
HISTORY = history_features(KINDS, {"shop"}, delay_days=7)
PLAN = Plan(HISTORY)
START = 1_767_225_600_000_000
NOW = START + 38 * MICROSECONDS_PER_DAY
LATENESS = MICROSECONDS_PER_DAY
_SHOPS = 10_000
Labelled = tuple[Transaction, bool | None]


def spread(events: int) -> Iterator[Labelled]:
    """Over 30 days, as many cards and 10,000 shops, in order of time; 1 % are frauds."""
    numbers = random.Random(1)  # noqa: S311 (nothing secret)
    for number in range(events):
        time = START + number * 30 * MICROSECONDS_PER_DAY // events
        entities = (f"card {numbers.randrange(events)}", f"shop {numbers.randrange(_SHOPS)}")
        amount = round(numbers.uniform(1, 100), 2)
        yield Transaction(f"{number}", time, amount, entities), numbers.random() < 0.01


def of_one_shop(events: int) -> Iterator[Labelled]:
    """As `spread`, all in one shop, of unknown cards."""
    for transaction, fraud in spread(events):
        entities = (None, "shop")
        yield Transaction(transaction.id, transaction.time, transaction.amount, entities), fraud


def later(number: int, shop: str | None = None) -> Transaction:
    """One of the transactions that come after those of `spread`, a second apart."""
    card = None if shop else f"card {number * 7919 % 1_000_000}"
    name = shop or f"shop {number * 7919 % _SHOPS}"
    return Transaction(f"later {number}", NOW + number * 1_000_000, 25.0, (card, name))

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
HANDBOOK_CARDS, SHOPS = 5_000, 10_000
Labelled = tuple[Transaction, bool | None]


def spread(events: int, cards: int | None = None) -> Iterator[Labelled]:
    """Over 30 days, 10,000 shops and as many cards, if none is given, in order of time; 1 % are
    frauds.
    """
    numbers = random.Random(1)  # noqa: S311 (nothing secret)
    for number in range(events):
        time = START + number * 30 * MICROSECONDS_PER_DAY // events
        card, shop = numbers.randrange(cards or events), numbers.randrange(SHOPS)
        amount = round(numbers.uniform(1, 100), 2)
        transaction = Transaction(f"{number}", time, amount, (f"card {card}", f"shop {shop}"))
        yield transaction, numbers.random() < 0.01


def of_one_shop(events: int) -> Iterator[Labelled]:
    """As `spread`, all in one shop, of unknown cards."""
    for transaction, fraud in spread(events):
        entities = (None, "shop")
        yield Transaction(transaction.id, transaction.time, transaction.amount, entities), fraud


def later(number: int, shop: str | None = None, cards: int = 1_000_000) -> Transaction:
    """One of the transactions that come after those of `spread`, a second apart."""
    card = None if shop else f"card {number * 7919 % cards}"
    name = shop or f"shop {number * 7919 % SHOPS}"
    return Transaction(f"later {number}", NOW + number * 1_000_000, 25.0, (card, name))

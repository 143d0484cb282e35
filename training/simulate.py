"""Simulated card transactions, by the method of the Fraud Detection Handbook, chapter "Simulation".

Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi: Reproducible Machine Learning for Credit Card
Fraud Detection - Practical Handbook, 2022. Written from the chapter's text, not from its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as time_of_day
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

_MAP_SIDE = 100.0
_SECONDS_A_DAY = 86_400
_DISTANCES_AT_ONCE = 2_000_000
"""Bounds the memory for distances between customers and terminals to about 100 MB."""


@dataclass(frozen=True)
class _Attack:
    """What fraudsters do every day from a day on; the numbers are the book's."""

    scenario: int
    hits: Literal["terminal", "customer"]
    chosen_a_day: int
    of: int
    """The population that `chosen_a_day` is for. Another one gets its share; see `_chosen`."""
    lasts_days: int
    one_in: int = 1
    """One in so many of the transactions within reach is a fraud, chosen at random."""
    amount_factor: float = 1.0


_TERMINALS_COMPROMISED = _Attack(
    scenario=2, hits="terminal", chosen_a_day=2, of=10_000, lasts_days=28
)
_CARDS_STOLEN = _Attack(
    scenario=3,
    hits="customer",
    chosen_a_day=3,
    of=5_000,
    lasts_days=14,
    one_in=3,
    amount_factor=5.0,
)
_SUSPICIOUS_AMOUNT = 220.0


@dataclass
class _Transactions:
    """Columns in the order of time, all of one length; attacks change the last three in place."""

    second: _Ints
    customer: _Ints
    terminal: _Ints
    amount: _Floats
    fraud: NDArray[np.int8]
    scenario: NDArray[np.int8]


def simulate(
    *,
    customers: int = 1000,
    terminals: int = 2000,
    days: int = 120,
    radius: float = 10.0,
    start: date = date(2026, 1, 1),
    seed: int = 0,
) -> pl.DataFrame:
    """Card transactions of `days` days from `start`, about 0.8 % of them frauds, by time.

    Customers and terminals lie at random on a square map of side 100; a customer buys only at the
    terminals within `radius` (the book: 5, with 10,000 terminals), and without any makes none. The
    same arguments give the same rows. A customer makes about 1.9 transactions a day on average.

    Three kinds of fraud, of which a later one overwrites an earlier one: (1) every amount above
    220; (2) every transaction for 28 days at a compromised terminal; (3) a third of the
    transactions for 14 days of a customer whose card details leaked, at five times the amount. The
    book draws 2 of its 10,000 terminals and 3 of its 5,000 customers every day; here it is the same
    share of the population, spread evenly over the days and never none at all, so that the share
    of frauds stays the book's.

    Columns: `transaction_id` Int64 (0 to n-1), `time` Datetime("us") in whole seconds, without a
    zone, `customer_id` Int64, `terminal_id` Int64, `amount` Float64 in cents' steps, `fraud` Int8
    (0 or 1), `fraud_scenario` Int8 (0 for none).

    Raises ValueError when a number is not above 0 or the seed is below it.
    """
    sizes = {"customers": customers, "terminals": terminals, "days": days, "radius": radius}
    for name, value in sizes.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")
    if seed < 0:
        raise ValueError(f"seed must not be below 0, but is {seed}")
    random = np.random.default_rng(seed)
    spent = _purchases(random, customers, terminals, days, radius)
    suspicious = spent.amount > _SUSPICIOUS_AMOUNT
    spent.fraud[suspicious] = 1
    spent.scenario[suspicious] = 1
    _attack(random, spent, _TERMINALS_COMPROMISED, terminals, days)
    _attack(random, spent, _CARDS_STOLEN, customers, days)
    midnight = pl.lit(datetime.combine(start, time_of_day()), dtype=pl.Datetime("us"))
    return pl.DataFrame(
        {
            "transaction_id": np.arange(spent.second.size),
            "time": spent.second,
            "customer_id": spent.customer,
            "terminal_id": spent.terminal,
            "amount": spent.amount,
            "fraud": spent.fraud,
            "fraud_scenario": spent.scenario,
        }
    ).with_columns((midnight + pl.duration(seconds="time", time_unit="us")).alias("time"))


def _purchases(
    random: np.random.Generator, customers: int, terminals: int, days: int, radius: float
) -> _Transactions:
    """What honest customers do: who buys where, when and for how much."""
    homes = random.uniform(0, _MAP_SIDE, (customers, 2))
    shops = random.uniform(0, _MAP_SIDE, (terminals, 2))
    mean_amount = random.uniform(5, 100, customers)
    transactions_a_day = random.uniform(0, 4, customers)
    in_reach, first, number = _terminals_in_reach(homes, shops, radius)

    a_day = random.poisson(
        transactions_a_day[:, np.newaxis] * (number > 0)[:, np.newaxis], (customers, days)
    )
    cell = np.repeat(np.arange(customers * days), a_day.ravel())
    second = random.normal(_SECONDS_A_DAY / 2, 20_000, cell.size)
    within_day = (second > 0) & (second < _SECONDS_A_DAY)
    cell, second = cell[within_day], second[within_day]
    customer, day = np.divmod(cell, days)
    mean = mean_amount[customer]
    amount = random.normal(mean, mean / 2)
    amount = np.where(amount < 0, random.uniform(0, 2 * mean), amount).round(2)
    terminal = in_reach[first[customer] + random.integers(0, number[customer])]

    moment = day * _SECONDS_A_DAY + second.astype(np.int64)
    by_time = np.argsort(moment, kind="stable")
    none = np.zeros(moment.size, np.int8)
    return _Transactions(
        moment[by_time], customer[by_time], terminal[by_time], amount[by_time], none, none.copy()
    )


def _terminals_in_reach(
    homes: _Floats, shops: _Floats, radius: float
) -> tuple[_Ints, _Ints, _Ints]:
    """Terminals in reach, customer after customer; where each customer's begin; how many."""
    step = max(1, _DISTANCES_AT_ONCE // len(shops))
    found: list[_Ints] = []
    number: list[_Ints] = []
    for begin in range(0, len(homes), step):
        block = homes[begin : begin + step, np.newaxis, :]
        near = ((block - shops) ** 2).sum(axis=2) < radius**2
        found.append(near.nonzero()[1])
        number.append(near.sum(axis=1))
    numbers = np.concatenate(number)
    return np.concatenate(found), np.cumsum(numbers) - numbers, numbers


def _attack(
    random: np.random.Generator,
    spent: _Transactions,
    attack: _Attack,
    population: int,
    days: int,
) -> None:
    """Marks the frauds at each day's newly chosen terminals, or customers, of `population`."""
    target: _Ints = getattr(spent, attack.hits)
    for day in range(days):
        chosen = np.zeros(population, bool)
        chosen[random.choice(population, _chosen(attack, population, day), replace=False)] = True
        begin, end = np.searchsorted(
            spent.second, np.array([day, day + attack.lasts_days]) * _SECONDS_A_DAY
        )
        reached = begin + np.flatnonzero(chosen[target[begin:end]])
        frauds = random.choice(reached, reached.size // attack.one_in, replace=False)
        spent.amount[frauds] = (spent.amount[frauds] * attack.amount_factor).round(2)
        spent.fraud[frauds] = 1
        spent.scenario[frauds] = attack.scenario


def _chosen(attack: _Attack, population: int, day: int) -> int:
    """How many are chosen on a day, in integers, so that the book's population gets its number."""
    share = attack.chosen_a_day * population
    return -(-share * (day + 1) // attack.of) + (-share * day // attack.of)

"""Simulated card transactions, by the method of the Fraud Detection Handbook, chapter "Simulation".

Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi: Reproducible Machine Learning for Credit Card
Fraud Detection - Practical Handbook, 2022. Implemented from the chapter's text, not from its code.
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
_SECONDS_PER_DAY = 86_400
_DISTANCE_BATCH_SIZE = 2_000_000
"""Limits the memory for distances between customers and terminals to about 100 MB."""


@dataclass(frozen=True)
class _Attack:
    """A kind of fraud with new targets every day; the numbers are the book's."""

    scenario: int
    target: Literal["terminal", "customer"]
    targets_per_day: int
    population: int
    """The population that `targets_per_day` refers to; others are scaled, see `_target_count`."""
    duration_days: int
    one_in: int = 1
    """One in so many of a target's transactions is a fraud, chosen at random."""
    amount_factor: float = 1.0


_TERMINALS_COMPROMISED = _Attack(
    scenario=2, target="terminal", targets_per_day=2, population=10_000, duration_days=28
)
_CARDS_STOLEN = _Attack(
    scenario=3,
    target="customer",
    targets_per_day=3,
    population=5_000,
    duration_days=14,
    one_in=3,
    amount_factor=5.0,
)
_SUSPICIOUS_AMOUNT = 220.0


@dataclass
class _Transactions:
    """Columns in order of time, of equal length; attacks change the last three in place."""

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
    """Card transactions of `days` days from `start` in order of time, about 0.8 % of them frauds.

    Customers and terminals are placed at random on a square map of side 100; a customer buys only
    at terminals within `radius` (the book: 5, with 10,000 terminals), and not at all if there are
    none. A customer makes about 1.9 transactions a day on average. The same arguments give the
    same rows.

    There are three kinds of fraud, of which a later one overwrites an earlier one: (1) every amount
    above 220; (2) every transaction at a compromised terminal, for 28 days; (3) a third of the
    transactions of a customer whose card details leaked, for 14 days, at five times the amount. The
    book draws 2 of its 10,000 terminals and 3 of its 5,000 customers every day; here it is the same
    share of the population, spread evenly over the days with at least one in total, so that the
    share of frauds stays the book's.

    Columns: `transaction_id` Int64 (0 to n-1), `time` Datetime("us") in whole seconds, without a
    zone, `customer_id` Int64, `terminal_id` Int64, `amount` Float64 rounded to cents, `fraud` Int8
    (0 or 1), `fraud_scenario` Int8 (0 for none).

    Raises ValueError if a size is not above 0 or the seed is negative.
    """
    sizes = {"customers": customers, "terminals": terminals, "days": days, "radius": radius}
    for name, value in sizes.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, not {value}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, but is {seed}")
    random = np.random.default_rng(seed)
    transactions = _genuine(random, customers, terminals, days, radius)
    suspicious = transactions.amount > _SUSPICIOUS_AMOUNT
    transactions.fraud[suspicious] = 1
    transactions.scenario[suspicious] = 1
    _attack(random, transactions, _TERMINALS_COMPROMISED, terminals, days)
    _attack(random, transactions, _CARDS_STOLEN, customers, days)
    midnight = pl.lit(datetime.combine(start, time_of_day()), dtype=pl.Datetime("us"))
    return pl.DataFrame(
        {
            "transaction_id": np.arange(transactions.second.size),
            "time": transactions.second,
            "customer_id": transactions.customer,
            "terminal_id": transactions.terminal,
            "amount": transactions.amount,
            "fraud": transactions.fraud,
            "fraud_scenario": transactions.scenario,
        }
    ).with_columns((midnight + pl.duration(seconds="time", time_unit="us")).alias("time"))


def _genuine(
    random: np.random.Generator, customers: int, terminals: int, days: int, radius: float
) -> _Transactions:
    """The transactions before any fraud: who buys where, when and for how much."""
    homes = random.uniform(0, _MAP_SIDE, (customers, 2))
    shops = random.uniform(0, _MAP_SIDE, (terminals, 2))
    mean_amount = random.uniform(5, 100, customers)
    rate_per_day = random.uniform(0, 4, customers)
    in_reach, first, number = _terminals_in_reach(homes, shops, radius)

    rate_per_day[number == 0] = 0
    per_day = random.poisson(rate_per_day[:, np.newaxis], (customers, days))
    cell = np.repeat(np.arange(customers * days), per_day.ravel())
    second = random.normal(_SECONDS_PER_DAY / 2, 20_000, cell.size)
    within_day = (second > 0) & (second < _SECONDS_PER_DAY)
    cell, second = cell[within_day], second[within_day]
    customer, day = np.divmod(cell, days)
    mean = mean_amount[customer]
    amount = random.normal(mean, mean / 2)
    amount = np.where(amount < 0, random.uniform(0, 2 * mean), amount).round(2)
    terminal = in_reach[first[customer] + random.integers(0, number[customer])]

    moment = day * _SECONDS_PER_DAY + second.astype(np.int64)
    by_time = np.argsort(moment, kind="stable")
    return _Transactions(
        second=moment[by_time],
        customer=customer[by_time],
        terminal=terminal[by_time],
        amount=amount[by_time],
        fraud=np.zeros(moment.size, np.int8),
        scenario=np.zeros(moment.size, np.int8),
    )


def _terminals_in_reach(
    homes: _Floats, shops: _Floats, radius: float
) -> tuple[_Ints, _Ints, _Ints]:
    """Terminals in reach, grouped by customer; where each customer's begin; how many they are."""
    batch_size = max(1, _DISTANCE_BATCH_SIZE // len(shops))
    terminals: list[_Ints] = []
    counts: list[_Ints] = []
    for begin in range(0, len(homes), batch_size):
        batch = homes[begin : begin + batch_size, np.newaxis, :]
        near = ((batch - shops) ** 2).sum(axis=2) < radius**2
        terminals.append(near.nonzero()[1])
        counts.append(near.sum(axis=1))
    number = np.concatenate(counts)
    return np.concatenate(terminals), np.cumsum(number) - number, number


def _attack(
    random: np.random.Generator,
    transactions: _Transactions,
    attack: _Attack,
    population: int,
    days: int,
) -> None:
    """Mark the frauds of an attack on `population` terminals or customers, day by day."""
    target: _Ints = getattr(transactions, attack.target)
    for day in range(days):
        is_target = np.zeros(population, bool)
        count = _target_count(attack, population, day)
        is_target[random.choice(population, count, replace=False)] = True
        duration = np.array([day, day + attack.duration_days]) * _SECONDS_PER_DAY
        begin, end = np.searchsorted(transactions.second, duration)
        affected = begin + np.flatnonzero(is_target[target[begin:end]])
        frauds = random.choice(affected, affected.size // attack.one_in, replace=False)
        amounts = transactions.amount[frauds] * attack.amount_factor
        transactions.amount[frauds] = amounts.round(2)
        transactions.fraud[frauds] = 1
        transactions.scenario[frauds] = attack.scenario


def _target_count(attack: _Attack, population: int, day: int) -> int:
    """The number of new targets on a day, in integers: for the book's population, the book's."""
    share = attack.targets_per_day * population
    return -(-share * (day + 1) // attack.population) + (-share * day // attack.population)

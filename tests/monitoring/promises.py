"""A promise without a server, and transactions that keep or break it."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from monitoring.join import Joined
from monitoring.labels import Counts
from monitoring.performance import Transactions, measure
from monitoring.promise import Promise
from registry.evaluation.metrics import Costs, alerts_within_budget
from registry.model.contract import Histogram
from tests.contracts import category, contract_of, number

COSTS = Costs(budget_per_day=10, per_alert=5)
CONTRACT = contract_of(
    number("amount", histogram=Histogram(edges=(10, 30, 90), counts=(250, 250, 250, 250))),
    category("country", "DE", "FR"),
)


def drawn(days: int = 10, per_day: int = 200, costs: Costs = COSTS, seed: int = 1) -> Transactions:
    """Calibrated: a transaction of probability p is a fraud with probability p."""
    random, count = np.random.default_rng(seed), days * per_day
    probabilities = random.beta(0.3, 3, count).astype(np.float32)
    numbers = np.repeat(np.arange(days), per_day)
    return Transactions(
        labels=(random.random(count) < probabilities).astype(np.int8),
        days=numbers,
        probabilities=probabilities,
        amounts=random.exponential(50, count),
        weights=np.ones(count, dtype=np.uint8),
        is_alert=alerts_within_budget(probabilities, numbers, costs.budget_per_day),
    )


def promise(version: int = 7) -> Promise:
    evaluated = drawn(seed=2)
    estimates = measure(evaluated, COSTS, resamples=20)
    return Promise(version, CONTRACT, COSTS, evaluated, estimates)


def joined(
    served: Transactions, version: int = 7, countries: NDArray[np.str_] | None = None
) -> Joined:
    """As if `served` came out of a join."""
    rank = pl.col("probability").rank("ordinal", descending=True).over("day")
    rows = pl.DataFrame(
        {
            "version": np.full(len(served.days), version, dtype=np.int32),
            "day": served.days.astype(np.int32),
            "probability": served.probabilities,
            "label": served.labels,
            "amount": served.amounts,
            "weight": served.weights,
            "sampled": pl.Series([None] * len(served.days), dtype=pl.Boolean),
            **({} if countries is None else {"slice.country": countries}),
        }
    ).with_columns(rank=rank.cast(pl.Int64) - 1)
    days = rows.group_by("version", "day").agg(count=pl.len())
    return Joined(rows, days, Counts(records=len(rows)))

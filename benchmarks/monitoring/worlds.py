"""Simulated quarters: how many rows of each day are in each bin of inputs, and alerts by day.

Inputs are independent and standard normal in training, but for the last, a category. Rows of a
kind of drift differ in the first input, or in the category, from day `start` on. The hits among a
day's alerts are beta-binomial: alerts of a day are more alike than of different days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from monitoring.sequential import AlertDay
from registry.model.bins import Bins
from registry.model.contract import Contract, Histogram, Input, Window

NUMBERS = 14
TRAINING_ROWS = 60_000
ALERTS = 100
EVIDENCE_DAYS = 14
CORRELATION = 0.01
"""Of two alerts of a day: 100 alerts then vary as much as 50 independent ones."""
CATEGORIES = ("web", "shop", "phone", "post")
SHARES = np.array([0.5, 0.3, 0.15, 0.05])
NORMAL = NormalDist()
EDGES = tuple(NORMAL.inv_cdf(tenth / 10) for tenth in range(1, 10))

Shares = NDArray[np.float64]


def shares(mean: float = 0.0, spread: float = 1.0, missing: float = 0.0) -> Shares:
    """Of ten bins, and of missing rows."""
    below = [0.0, *(NORMAL.cdf((edge - mean) / spread) for edge in EDGES), 1.0]
    return np.array([(high - low) * (1 - missing) for low, high in pairwise(below)] + [missing])


def mix(web: float) -> Shares:
    """Of the categories and of unknown ones, if `web` has this share."""
    others = SHARES[1:] / SHARES[1:].sum() * (1 - web)
    return np.array([web, *others, 0.0])


DRIFTS: dict[str, Callable[[int], tuple[Shares, Shares]]] = {
    "mean of an input, by half a standard deviation": lambda _: (shares(0.5), mix(0.5)),
    "the same, growing over 30 days": lambda age: (shares(min(0.5, age / 60)), mix(0.5)),
    "spread of an input, twice as wide": lambda _: (shares(0, 2), mix(0.5)),
    "missing in a tenth of the rows": lambda _: (shares(missing=0.1), mix(0.5)),
    "a category from 50 % to 25 %": lambda _: (shares(), mix(0.25)),
}
"""The shares of the first input and of the category, so many days after the drift began."""


def contract(random: np.random.Generator) -> Contract:
    """With histograms of training rows, of which the true shares are those of `shares`."""
    inputs = []
    for number in range(NUMBERS):
        counts = random.multinomial(TRAINING_ROWS, shares())[:-1]
        histogram = Histogram(edges=EDGES, counts=tuple(counts.tolist()))
        inputs.append(
            Input(name=f"x{number}", kind="number", nullable=True, reference=0, histogram=histogram)
        )
    counts = random.multinomial(TRAINING_ROWS, mix(0.5))[:-1]
    inputs.append(
        Input(
            name="channel",
            kind="category",
            nullable=True,
            categories=CATEGORIES,
            reference="web",
            histogram=Histogram(counts=tuple(counts.tolist())),
        )
    )
    day = {"start": "2026-01-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"}
    return Contract(
        dataset="simulated",
        inputs=tuple(inputs),
        threshold=0.5,
        threshold_method="fixed",
        training_window=Window.model_validate(day),
        delay_days=7,
    )


def quarter(
    random: np.random.Generator, bins: Bins, days: int, rows: int, drift: str = "", start: int = 0
) -> dict[int, NDArray[np.int64]]:
    """The rows of each day in all bins, of a quarter without a drift or with one."""
    made = {}
    for day in range(days):
        first, category = shares(), mix(0.5)
        if drift and day >= start:
            first, category = DRIFTS[drift](day - start)
        parts = [first, *[shares()] * (NUMBERS - 1), category]
        made[day] = np.concatenate([random.multinomial(rows, each / each.sum()) for each in parts])
    assert all(len(counts) == bins.size for counts in made.values())  # noqa: S101
    return made


def alert_days(
    random: np.random.Generator, days: int, precision: float, loss: float = 0.0, start: int = 0
) -> Iterator[AlertDay]:
    """Alerts of each day, of which a share `loss` of the frauds is lost from day `start` on."""
    scale = 1 / CORRELATION - 1
    for day in range(days):
        expected = precision * (1 - loss if loss and day >= start else 1)
        share = random.beta(expected * scale, (1 - expected) * scale)
        yield AlertDay(day, ALERTS, int(random.binomial(ALERTS, share)))

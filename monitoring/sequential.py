"""The test whether alerts are frauds less often than promised, valid at every look.

The null hypothesis: given the days before, an alert of a day is a fraud with probability `promised`
or more. A bet against it multiplies its capital on a day with n alerts, k of them frauds, by

    (1 + λ promised)^(n - k) (1 - λ (1 - promised))^k    raised to the power 1 / d

for a stake λ fixed before the day. Without the power this is the test of a bounded mean by betting
(I. Waudby-Smith and A. Ramdas, Estimating means of bounded random variables by betting, Journal of
the Royal Statistical Society B 86(1), 2024), for alerts that are independent given the days before.
Those of a day are not: one stolen card makes several. `d`, the design effect, is how much more the
share of frauds varies from day to day than independent alerts would have it (L. Kish, Survey
Sampling, 1965): n alerts say as much as n / d independent ones. With d = n the bet is on one number
a day, the mean, and needs no independence at all.

The capital is an e-process: a mixture over stakes, as nobody knows the best one, and over the days
on which a bet begins, as nobody knows when a loss does (weights 1 / (s (s + 1)), which sum to 1).
By Ville's inequality, where the null hypothesis holds it ever exceeds 1 / α with probability α at
most: over all looks together, however often one looks and whatever makes one stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

STAKES = np.geomspace(0.02, 0.95, 12)
"""Shares of the largest stake, at which the first fraud among the alerts would lose everything."""
MAX_CAPITAL, MAX_LOG_FACTOR = 1e150, 300.0
"""So that their product is still a number; an alarm was long before."""


@dataclass(frozen=True)
class AlertDay:
    """The alerts of a day with a label: their number, and the frauds among them."""

    day: int
    alerts: int
    frauds: int


@dataclass(frozen=True)
class PrecisionTest:
    """What the test says after the last day.

    `promised` is what the evidence measured, and `lower` the lower end of its interval, against
    which is tested: each has half of `alpha`. `capital` is the largest so far, `bound` that at
    which the null hypothesis is rejected, and `alarm_day` the first day at which it was reached.
    """

    promised: float
    lower: float
    alpha: float
    design_effect: float
    capital: float
    bound: float
    alarm_day: int | None

    @property
    def p_value(self) -> float:
        """Of all looks together: at most half of `alpha` where there is an alarm."""
        return min(1.0, 1 / self.capital)


def compare_precision(
    evidence: Sequence[AlertDay], live: Sequence[AlertDay], alpha: float
) -> PrecisionTest:
    """Test whether live alerts are frauds less often than those of the evidence promised.

    With a probability of `alpha` at most there is ever an alarm while they are not; both have at
    least one alert with a label, and `live` is in order of days.
    """
    alerts, frauds = sum(day.alerts for day in evidence), sum(day.frauds for day in evidence)
    promised = frauds / alerts
    effects = [design_effect([*evidence, *live[:known]]) for known in range(len(live))]
    lower = lower_end(promised, alerts / design_effect(evidence), alpha / 2)
    path = capital(live, lower, effects)
    bound = 2 / alpha
    reached = np.flatnonzero(path >= bound)
    return PrecisionTest(
        promised=promised,
        lower=lower,
        alpha=alpha,
        design_effect=effects[-1] if effects else 1.0,
        capital=float(path.max(initial=1.0)),
        bound=bound,
        alarm_day=live[int(reached[0])].day if len(reached) else None,
    )


def lower_end(share: float, count: float, alpha: float) -> float:
    """The lower end of a one-sided interval of confidence `1 - alpha` for a share that was measured
    on `count` independent alerts (E. B. Wilson, 1927).
    """
    z2 = NormalDist().inv_cdf(1 - alpha) ** 2
    half = sqrt(z2 * (share * (1 - share) + z2 / 4 / count) / count)
    return max(0.0, (share + z2 / 2 / count - half) / (1 + z2 / count))


def capital(
    days: Sequence[AlertDay], promised: float, design_effects: Sequence[float]
) -> NDArray[np.float64]:
    """The capital after each day, of bets against `promised` (0 to 1, both excluded).

    The design effect of a day is one that was known before it.
    """
    stakes = STAKES / (1 - promised)
    running = np.zeros(len(stakes))
    after = np.empty(len(days))
    for number, (day, effect) in enumerate(zip(days, design_effects, strict=True), 1):
        logs = (day.alerts - day.frauds) * np.log1p(stakes * promised)
        logs += day.frauds * np.log1p(-stakes * (1 - promised))
        begun = 1 / (number * (number + 1))
        factors = np.exp(np.minimum(logs / effect, MAX_LOG_FACTOR))
        running = np.minimum((running + begun) * factors, MAX_CAPITAL)
        after[number - 1] = running.mean() + 1 / (number + 1)
    return after


def design_effect(days: Sequence[AlertDay]) -> float:
    """How many times more the share of frauds varies between days than of independent alerts, at
    least 1.

    By differences from one day to the next, so that a lasting change counts once and a slow one
    hardly (J. von Neumann, 1941).
    """
    counted = [day for day in days if day.alerts]
    pairs = list(pairwise(counted))
    total = sum(day.alerts for day in counted)
    share = sum(day.frauds for day in counted) / max(total, 1)
    if not pairs or not 0 < share < 1:
        return 1.0
    squares = [
        (one.frauds / one.alerts - two.frauds / two.alerts) ** 2
        / (share * (1 - share) * (1 / one.alerts + 1 / two.alerts))
        for one, two in pairs
    ]
    return max(1.0, sum(squares) / len(squares))

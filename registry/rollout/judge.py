"""Bounds on what pods do since they took a model, compared with before; no I/O.

A bound is exceeded only where the counts prove it. The interval for the difference of two shares is
Newcombe's (Statistics in Medicine 17, 1998, method 10), made of two Wilson score intervals (1927),
which hold for small counts and shares near 0, as frauds are. The pods are judged again in every
round: the probability of a false alarm, `FALSE_ALARMS`, is split evenly over all that are compared
(Bonferroni). It takes requests as independent; a daily cycle is not chance, and has to fit into the
bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

from registry.rollout.counts import (
    Counts,
    decisions,
    durations,
    failed_requests,
    quantile,
    requests,
    routes,
)

FALSE_ALARMS = 0.01
"""Of a rollout that changes nothing, the probability that it fails by chance, over all rounds."""
MIN_COUNT = 100
"""Requests or decisions, before and since, below which nothing is said to be within its bound."""
SLOW_SHARE = 0.01
"""Requests that may be slower than the 99th percentile, by its definition."""

Outcome = Literal["within", "exceeded", "unknown"]


@dataclass(frozen=True)
class Bounds:
    """How much worse the pods may do than before, as a share, a ratio, and a relative change."""

    max_error_rate: float
    max_latency_ratio: float
    max_decision_change: float


@dataclass(frozen=True)
class Share:
    """So many of all."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else 0.0

    def interval(self, z: float) -> tuple[float, float]:
        """Wilson's score interval for z standard deviations; 0 to 1 of nothing."""
        if not self.count:
            return 0.0, 1.0
        n, p = self.count, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def growth(before: Share, since: Share, z: float) -> tuple[float, float]:
    """Newcombe's interval for how much larger the share is now. Where there is nothing before, it
    is compared with 0.
    """
    low, high = since.interval(z)
    if not before.count:
        return low, high
    low_before, high_before = before.interval(z)
    p, q = since.value, before.value
    difference = p - q
    return (
        difference - sqrt((p - low) ** 2 + (high_before - q) ** 2),
        difference + sqrt((high - p) ** 2 + (q - low_before) ** 2),
    )


@dataclass(frozen=True)
class Verdict:
    """One bound: what was measured, in words, and what came of it."""

    measure: str
    outcome: Outcome
    text: str

    def __str__(self) -> str:
        return f"{self.measure}: {self.text}"


def deviations(comparisons: int) -> float:
    """The standard deviations beyond which one of so many two-sided comparisons counts."""
    return NormalDist().inv_cdf(1 - FALSE_ALARMS / (2 * max(1, comparisons)))


def judge(before: Counts, since: Counts, bounds: Bounds, z: float) -> list[Verdict]:
    """What all pods together do since they took the model."""
    return [
        judge_errors(before, since, bounds, z),
        *(_latency(before, since, route, bounds, z) for route in routes(since)),
        _decisions(before, since, bounds, z),
    ]


def judge_errors(before: Counts, since: Counts, bounds: Bounds, z: float) -> Verdict:
    """Failed requests: at most so much more of all than before; than none if there were too few."""
    new = Share(failed_requests(since), requests(since))
    old = Share(failed_requests(before), requests(before))
    if old.count < MIN_COUNT:
        old = Share(0, 0)  # its wide interval would hide errors
    text = f"{new.value:.2%} of {new.count:,} requests"
    text += f", before {old.value:.2%} of {old.count:,}" if old.count else ", too few before"
    exceeded = growth(old, new, z)[0] > bounds.max_error_rate
    if exceeded:
        text += f"; the bound is {bounds.max_error_rate:.2%} more"
    return _verdict("errors", text, exceeded, new.count)


def _latency(before: Counts, since: Counts, route: str, bounds: Bounds, z: float) -> Verdict:
    """Slow are the requests beyond the bucket that holds so many times the 99th percentile of
    before; exceeded where their share grew by more than `SLOW_SHARE`.
    """
    old, new = durations(before, route), durations(since, route)
    count, count_before = new[-1][1], old[-1][1] if old else 0
    text = f"p99 {quantile(new, 0.99) * 1000:.3g} ms of {count:,} requests"
    if not count_before:
        return _verdict(f"latency {route}", f"{text}, none before", False, count, 0)
    p99_before = quantile(old, 0.99)
    limit = bounds.max_latency_ratio * p99_before
    slow, slow_before = (_slower(buckets, limit) for buckets in (new, old))
    exceeded = growth(slow_before, slow, z)[0] > SLOW_SHARE
    text += f", before {p99_before * 1000:.3g} ms of {count_before:,}"
    if exceeded:
        text += f"; {slow.value:.2%} took over {limit * 1000:.3g} ms"
    return _verdict(f"latency {route}", text, exceeded, count, count_before)


def _slower(buckets: list[tuple[float, int]], limit: float) -> Share:
    """The requests beyond the first bucket that reaches the limit, in seconds."""
    count = buckets[-1][1]
    up_to = next((up_to for upper, up_to in buckets if upper >= limit), count)
    return Share(max(0, count - up_to), count)


def _decisions(before: Counts, since: Counts, bounds: Bounds, z: float) -> Verdict:
    """The share that is decided `review`: within so much of itself, up or down."""
    old, new = Share(*decisions(before)), Share(*decisions(since))
    text = f"{new.value:.2%} of {new.count:,} for review"
    if not old.count:
        return _verdict("decisions", f"{text}, none before", False, new.count, 0)
    text += f", before {old.value:.2%} of {old.count:,}"
    allowed = bounds.max_decision_change * old.value
    low, high = growth(old, new, z)
    exceeded = low > allowed or high < -allowed
    if exceeded:
        text += f"; the bound is a change by {bounds.max_decision_change:.0%}"
    return _verdict("decisions", text, exceeded, new.count, old.count)


def _verdict(measure: str, text: str, exceeded: bool, *counts: int) -> Verdict:
    if exceeded:
        return Verdict(measure, "exceeded", text)
    if min(counts) < MIN_COUNT:
        return Verdict(measure, "unknown", f"{text}: too few to judge (at least {MIN_COUNT})")
    return Verdict(measure, "within", text)

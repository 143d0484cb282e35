"""Whether and when an alarm is raised in a simulated quarter, by ours and by a test a day."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitoring.worlds import EVIDENCE_DAYS, TRAINING_ROWS, alert_days, contract, quarter
from monitoring.drift import drifts, two_samples
from monitoring.sequential import AlertDay, compare_precision, design_effect
from registry.model.bins import Bins

ALPHA = 0.05
PRECISION = 0.3


def first_drift(
    seed: int, days: int, rows: int, drift: str = "", start: int = 0
) -> list[int | None]:
    """The first day of an alarm: by `monitoring.drift`, by a chi-squared test of each input each
    day at 5 %, and by an index of a day above 0.1, as a rule of thumb has it. None: never.
    """
    random = np.random.default_rng(seed)
    bins = Bins(contract(random))
    counts = quarter(random, bins, days, rows, drift, start)
    ours = drifts(bins, [TRAINING_ROWS] * len(bins.inputs), counts, ALPHA)
    alarms = [each.alarm_day for each in ours if each.alarm_day is not None]
    return [
        min(alarms, default=None),
        _first(_daily_tests(bins, counts)),
        _first([bool((bins.stability(each) > 0.1).any()) for each in counts.values()]),
    ]


def first_loss(seed: int, days: int, loss: float = 0.0, start: int = 0) -> list[int | None]:
    """The first day of an alarm: by `monitoring.sequential`, by a test a day at 5 %, and where a
    day is three standard deviations of the evidence's days below their mean. None: never.
    """
    random = np.random.default_rng(seed)
    evidence = list(alert_days(random, EVIDENCE_DAYS, PRECISION))
    live = list(alert_days(random, days, PRECISION, loss, start))
    shares = [day.frauds / day.alerts for day in evidence]
    bound = float(np.mean(shares) - 3 * np.std(shares, ddof=1))
    return [
        compare_precision(evidence, live, ALPHA).alarm_day,
        _first([_is_below(evidence, day) for day in live]),
        _first([day.frauds / day.alerts < bound for day in live]),
    ]


def _is_below(evidence: Sequence[AlertDay], day: AlertDay) -> bool:
    """A one-sided test of two shares, which allows for the design effect."""
    alerts, frauds = sum(one.alerts for one in evidence), sum(one.frauds for one in evidence)
    pooled = (frauds + day.frauds) / (alerts + day.alerts)
    variance = pooled * (1 - pooled) * (1 / alerts + 1 / day.alerts) * design_effect(evidence)
    return (frauds / alerts - day.frauds / day.alerts) / sqrt(variance) > NormalDist().inv_cdf(
        1 - ALPHA
    )


def _daily_tests(bins: Bins, days: dict[int, NDArray[np.int64]]) -> list[bool]:
    edges = [*bins.starts.tolist(), bins.size]
    reference = np.rint(bins.reference * TRAINING_ROWS).astype(np.int64)
    return [
        any(
            two_samples(counts[low:high], reference[low:high]) < ALPHA
            for low, high in pairwise(edges)
        )
        for counts in days.values()
    ]


def _first(alarms: Sequence[bool]) -> int | None:
    return alarms.index(True) if True in alarms else None

"""Availability and latency, as multi-window, multi-burn-rate alerts.

A burn rate of 1 uses up exactly what an objective allows in 30 days. The windows and rates are
those of Google's SRE Workbook, chapter 5 (Alerting on SLOs), table 5-8: the long window says that
it matters, the short one that it still goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.monitoring.metrics import scored
from deploy.monitoring.objectives import AVAILABILITY, LATENCY_SECONDS, LATENCY_SHARE
from deploy.monitoring.rule import Alert, Group, Record

WINDOWS = ("5m", "30m", "1h", "6h", "3d")
FAST = ((14.4, "1h", "5m"), (6, "6h", "30m"))
"""Burn rate, long and short window: 2 % of what 30 days allow in an hour, 5 % in six."""
SLOW = ((1, "3d", "6h"),)
"""10 % in three days."""


@dataclass(frozen=True)
class Objective:
    """A share of requests that may be bad."""

    name: str
    bad: str
    """The recorded share of bad requests, without its window."""
    allowed: str
    """The share that may be bad, as written into the expressions."""

    def burns(self, *rates: tuple[float, str, str]) -> str:
        """Whether both windows exceed a rate, of any of `rates`."""
        return " or ".join(
            f"({self.bad}{long} > {rate:g} * {self.allowed} "
            f"and {self.bad}{short} > {rate:g} * {self.allowed})"
            for rate, long, short in rates
        )


AVAILABLE = Objective("Availability", "service:errors:ratio_rate", f"{1 - AVAILABILITY:.6g}")
FAST_ENOUGH = Objective("Latency", "service:slow:ratio_rate", f"{1 - LATENCY_SHARE:.6g}")


def errors(window: str) -> str:
    """The share of the requests for scores that failed."""
    failed = scored(window, 'status=~"5.."')
    # Without any error there is no series of one: that is a share of 0.
    return f"({failed} or vector(0)) / {scored(window)}"


def slow(window: str) -> str:
    """The share of the requests to /predict that took too long."""
    fast = f'fraud_request_seconds_bucket{{route="/predict",le="{LATENCY_SECONDS}"}}'
    all_of_them = 'fraud_request_seconds_count{route="/predict"}'
    return f"1 - sum(rate({fast}[{window}])) / sum(rate({all_of_them}[{window}]))"


GROUP = Group(
    "objectives",
    "Availability and latency: how fast they use up what their objectives allow.",
    (
        *(Record(f"{AVAILABLE.bad}{window}", errors(window)) for window in WINDOWS),
        *(Record(f"{FAST_ENOUGH.bad}{window}", slow(window)) for window in WINDOWS),
        Alert(
            "FraudAvailabilityBurnsFast",
            AVAILABLE.burns(*FAST),
            2,
            "critical",
            "Requests for scores fail: at this rate, a month's errors are used up within days.",
        ),
        Alert(
            "FraudAvailabilityBurnsSlowly",
            AVAILABLE.burns(*SLOW),
            60,
            "warning",
            "For days, more requests for scores have failed than the objective allows.",
        ),
        Alert(
            "FraudLatencyBurnsFast",
            FAST_ENOUGH.burns(*FAST),
            2,
            "critical",
            f"Many requests to /predict take longer than {LATENCY_SECONDS * 1000:g} ms at the pod.",
        ),
        Alert(
            "FraudLatencyBurnsSlowly",
            FAST_ENOUGH.burns(*SLOW),
            60,
            "warning",
            f"For days, more requests to /predict than the objective allows have taken longer than "
            f"{LATENCY_SECONDS * 1000:g} ms at the pod.",
        ),
    ),
)

"""A look: what each ledger version was worth on the transactions that it served, day by day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from monitoring.expected import expected
from monitoring.join import Joined, VersionTerms
from monitoring.performance import (
    MIN_FRAUDS_OF_SLICE,
    Estimate,
    Transactions,
    measure,
    slices_of,
    transactions_of,
)
from monitoring.promise import Promise
from monitoring.sequential import PrecisionTest, compare_precision
from registry.model.contract import Contract

RESAMPLES = 200
"""For an interval from their standard error."""
_BANDS = 4


@dataclass(frozen=True)
class Measured:
    """Some of a version's transactions: how many were kept, their frauds, and what was measured."""

    transactions: int
    frauds: int
    estimates: dict[str, Estimate]


@dataclass(frozen=True)
class Look:
    """One version, by all that was known at `until`: as a whole, by day, and by slice.

    `expected` is what its probabilities alone let expect, by day. `test` is None where no alert has
    a label, here or in the evidence.
    """

    version: int
    until: datetime
    promise: Promise
    whole: Measured
    days: dict[date, Measured]
    slices: dict[str, Measured]
    expected: dict[date, dict[str, float]]
    test: PrecisionTest | None

    @property
    def is_broken(self) -> bool:
        """Whether alerts are frauds less often than promised, by the test over all looks."""
        return self.test is not None and self.test.alarm_day is not None

    @property
    def whole_precision(self) -> float:
        """Precision at the alert budget, of all days together; NaN where no alert has a label."""
        estimate = self.whole.estimates.get("budget_precision")
        return math.nan if estimate is None else estimate.value


def terms_of(promises: Mapping[int, Promise]) -> dict[int, VersionTerms]:
    return {
        version: VersionTerms(promise.contract.delay_days, promise.costs.budget_per_day)
        for version, promise in promises.items()
    }


def amount_input(contract: Contract) -> str:
    """The input that is the transaction's amount; empty where there is none."""
    form = contract.transaction
    return form.amount if form is not None and form.amount in contract.names else ""


def look_at(
    promise: Promise, joined: Joined, until: datetime, *, alpha: float, resamples: int = RESAMPLES
) -> Look | None:
    """Look at one version; None where none of its transactions could have a label yet.

    The same records, labels and time give the same look.
    """
    version, costs = promise.version, promise.costs
    budget = costs.budget_per_day
    served = transactions_of(joined.rows, joined.days, version, budget)
    if not len(served.labels):
        return None

    def measured(part: Transactions) -> Measured:
        return Measured(
            int(part.weights.sum()), part.frauds, measure(part, costs, resamples=resamples)
        )

    by_day = {day: served.part(served.days == number) for number, day in _days_of(served)}
    slices: dict[str, Measured] = {}
    for name, within in slices_of(joined.rows, version, _amount_edges(promise.contract)):
        part = transactions_of(joined.rows, joined.days, version, budget, within)
        if part.frauds >= MIN_FRAUDS_OF_SLICE:
            slices[name] = measured(part)
    evaluated, live = promise.transactions.alert_days(), served.alert_days()
    return Look(
        version=version,
        until=until,
        promise=promise,
        whole=measured(served),
        days={day: measured(part) for day, part in by_day.items()},
        slices=slices,
        expected={day: expected(part) for day, part in by_day.items()},
        test=compare_precision(evaluated, live, alpha) if evaluated and live else None,
    )


def day_of(number: int) -> date:
    """The day so many days after 1970-01-01."""
    return date(1970, 1, 1) + timedelta(days=number)


def _days_of(served: Transactions) -> Iterator[tuple[int, date]]:
    for number in sorted(set(served.days.tolist())):
        yield number, day_of(number)


def _amount_edges(contract: Contract) -> tuple[float, ...]:
    """Borders of amount bands: about the quartiles of training, so that bands stay the same."""
    name = amount_input(contract)
    edges = next((each.histogram.edges for each in contract.inputs if each.name == name), ())
    return tuple(edges[len(edges) * band // _BANDS] for band in range(1, _BANDS)) if edges else ()

"""Features of one transaction at a time, from what a store says about its windows.

The same arithmetic as `features.windows` on arrays, on single numbers: whole numbers are added, and
one IEEE 754 division follows, so that the values are equal to those of `features.offline` to the
bit. tests/features/test_online.py compares the two on arbitrary streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from features.amounts import UNITS, units_of
from features.definitions import MAX_RATIO, refuse_labels_without_delay
from registry.model.contract import Aggregate, CalendarFeature, HistoryFeature

MICROSECONDS_PER_DAY = 86_400_000_000
_MICROSECONDS_PER_HOUR = 3_600_000_000
_LAST_HOUR_OF_NIGHT, _THURSDAY, _SATURDAY = 6, 3, 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """`(t - start, t - end]` for a transaction at time t, in microseconds.

    An `end` of 0 is the transaction itself: of those with the same time, those that came earlier
    count, and those that came later do not.
    """

    start: int
    end: int


class Seen(NamedTuple):
    """What a window of one entity holds.

    `size` is the number of transactions, `units` the total of their amounts in 1/10,000; the times
    of the last fraud and of the last transaction without a known fraud are in microseconds, None
    where there is none. What labels say is left out of a window that ends with the transaction.
    """

    size: int
    units: int
    frauds: int
    last_fraud: int | None
    last_genuine: int | None


class Transaction(NamedTuple):
    """A transaction, as far as it becomes history.

    `time` is in microseconds since 1970 in UTC, or in the zone of data that has none. `entities`
    are in the order of the store's kinds; None where one is not known.
    """

    id: str
    time: int
    amount: float
    entities: tuple[str | None, ...]


_Value = Callable[[Seen, Transaction, float], float]
"""A feature of what a window holds; the last argument is its value for an empty one."""


class Plan:
    """Which windows a model's history features need, and how values are made of them."""

    def __init__(self, features: Sequence[HistoryFeature]) -> None:
        """Raises ValueError for a feature made from labels without a delay."""
        refuse_labels_without_delay(features)
        windows: dict[str, dict[Window, int]] = {}
        self._values: list[tuple[str, int, _Value, float]] = []
        for feature in features:
            start = feature.delay_days + feature.window_days
            window = Window(start * MICROSECONDS_PER_DAY, feature.delay_days * MICROSECONDS_PER_DAY)
            of_entity = windows.setdefault(feature.entity, {})
            place = of_entity.setdefault(window, len(of_entity))
            value = _VALUES[feature.aggregate]
            if feature.aggregate == "amount_ratio" and not feature.delay_days:
                value = _ratio_to_others
            self._values.append((feature.entity, place, value, feature.value_of_empty_window))
        self.windows = {entity: tuple(of_entity) for entity, of_entity in windows.items()}
        """By entity, in the order in which `values` takes what they hold."""

    @property
    def reach(self) -> int:
        """Microseconds before a transaction that its features look back."""
        return max((window.start for each in self.windows.values() for window in each), default=0)

    def values(
        self, transaction: Transaction, seen: Mapping[str, Sequence[Seen] | None]
    ) -> list[float]:
        """The features, in the order of their definitions; `seen` by entity, for each window.

        None stands for an entity that is not known: its windows are empty, and do not hold the
        transaction.
        """
        values = []
        for entity, place, value, empty in self._values:
            windows = seen[entity]
            values.append(empty if windows is None else value(windows[place], transaction, empty))
        return values


def _count(seen: Seen, _: Transaction, __: float) -> float:
    return float(seen.size)


def _mean_amount(seen: Seen, _: Transaction, empty: float) -> float:
    return float(seen.units) / float(seen.size * UNITS) if seen.size else empty


def _risk(seen: Seen, _: Transaction, empty: float) -> float:
    return float(seen.frauds) / float(seen.size) if seen.size else empty


def _ratio_to_all(seen: Seen, transaction: Transaction, empty: float) -> float:
    mean = float(seen.units) / float(seen.size * UNITS) if seen.size > 0 else 0.0
    amount = transaction.amount
    return min(max(amount / mean, -MAX_RATIO), MAX_RATIO) if mean > 0 else empty


def _ratio_to_others(seen: Seen, transaction: Transaction, empty: float) -> float:
    """Where the window holds the transaction itself."""
    units = seen.units - units_of(transaction.amount)
    return _ratio_to_all(seen._replace(size=seen.size - 1, units=units), transaction, empty)


def _days_since_fraud(seen: Seen, transaction: Transaction, empty: float) -> float:
    return _days_since(seen.last_fraud, transaction.time, empty)


def _days_since_genuine(seen: Seen, transaction: Transaction, empty: float) -> float:
    return _days_since(seen.last_genuine, transaction.time, empty)


def _days_since(last: int | None, time: int, empty: float) -> float:
    return empty if last is None else float(time - last) / float(MICROSECONDS_PER_DAY)


_VALUES: dict[Aggregate, _Value] = {
    "count": _count,
    "mean_amount": _mean_amount,
    "risk": _risk,
    "amount_ratio": _ratio_to_all,
    "days_since_fraud": _days_since_fraud,
    "days_since_genuine": _days_since_genuine,
}


class Calendar:
    """The calendar features of a model, for one time at a time."""

    def __init__(self, features: Sequence[CalendarFeature]) -> None:
        self._parts = [
            (feature.part, ZoneInfo(feature.zone) if feature.zone else None) for feature in features
        ]

    def values(self, time: int) -> list[float]:
        """In the order of the features, for a time as in `Transaction`."""
        values = []
        for part, zone in self._parts:
            hour, weekday = _hour_and_weekday(time, zone)
            if part == "hour":
                values.append(float(hour))
            elif part == "night":
                values.append(float(hour <= _LAST_HOUR_OF_NIGHT))
            else:
                values.append(float(weekday >= _SATURDAY))
        return values


def _hour_and_weekday(time: int, zone: ZoneInfo | None) -> tuple[int, int]:
    """Of the local time; Monday is 0."""
    if zone is None:  # in a third of the time: 1970 began on a Thursday
        day, of_day = divmod(time, MICROSECONDS_PER_DAY)
        return of_day // _MICROSECONDS_PER_HOUR, (day + _THURSDAY) % 7
    local = (_EPOCH + timedelta(microseconds=time)).astimezone(zone)
    return local.hour, local.weekday()

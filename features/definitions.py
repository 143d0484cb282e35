"""Which features a data set gets: definitions as data, apart from the code that computes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from registry.model.contract import Aggregate, CalendarFeature, CalendarPart, HistoryFeature

LABEL_AGGREGATES = frozenset({"risk", "days_since_fraud", "days_since_genuine"})
"""The aggregates that read labels."""
AMOUNT_AGGREGATES = frozenset({"mean_amount", "amount_ratio"})
"""The aggregates that read amounts."""
MAX_LATENESS_DAYS = 1
"""How many days older than the newest transaction one may be, unless it is set."""
MAX_RATIO = 1000.0
"""Of an `amount_ratio`, in either direction."""


def reads_amount(features: Iterable[HistoryFeature]) -> bool:
    return any(feature.aggregate in AMOUNT_AGGREGATES for feature in features)


def reads_label(features: Iterable[HistoryFeature]) -> bool:
    return any(feature.aggregate in LABEL_AGGREGATES for feature in features)


def history_features(
    entities: Sequence[str],
    risky: Collection[str] = (),
    *,
    ratio: Collection[str] = (),
    since: Collection[str] = (),
    windows_days: Sequence[int] = (1, 7, 30),
    delay_days: int,
) -> tuple[HistoryFeature, ...]:
    """Definitions after the Fraud Detection Handbook, chapter 3 "Baseline feature transformation".

    An entity that is not in `risky` (the customer) gets `{entity}_count_{w}d` and
    `{entity}_mean_amount_{w}d` for each window of w days, which includes the transaction. One in
    `risky` (the terminal) gets `{entity}_count_{w}d` and `{entity}_risk_{w}d`; both windows end
    `delay_days` before the transaction, because no later label is known at its time, and the book
    counts a terminal's transactions over the same window. A customer and a risky terminal give the
    book's twelve history features; its other three are the amount, weekend and night.

    Beyond the book, each entity in `ratio` gets `{entity}_amount_ratio_{w}d` for each window,
    without a delay, and each in `since` gets `{entity}_days_since_fraud_{w}d` and
    `{entity}_days_since_genuine_{w}d` for the longest window, ending `delay_days` before.

    Raises ValueError if a name in `risky`, `ratio` or `since` is not among the entities, or if a
    label would be read with a `delay_days` below 1: the feature would then contain the
    transaction's own label.
    """
    if unknown := sorted({*risky, *ratio, *since} - set(entities)):
        raise ValueError(f"{unknown} are not among the entities {list(entities)}")
    features: list[HistoryFeature] = []
    for entity in entities:
        delay = delay_days if entity in risky else 0
        average: Aggregate = "risk" if entity in risky else "mean_amount"
        for days in windows_days:
            features.append(_feature(entity, "count", days, delay))
            features.append(_feature(entity, average, days, delay))
        if entity in ratio:
            features += [_feature(entity, "amount_ratio", days, 0) for days in windows_days]
        if entity in since:
            max_days = max(windows_days)
            features.append(_feature(entity, "days_since_fraud", max_days, delay_days))
            features.append(_feature(entity, "days_since_genuine", max_days, delay_days))
    refuse_labels_without_delay(features)
    return tuple(features)


def _feature(entity: str, aggregate: Aggregate, days: int, delay_days: int) -> HistoryFeature:
    return HistoryFeature(
        name=f"{entity}_{aggregate}_{days}d",
        entity=entity,
        aggregate=aggregate,
        window_days=days,
        delay_days=delay_days,
    )


def refuse_labels_without_delay(features: Sequence[HistoryFeature]) -> None:
    """Raise ValueError for a feature that would contain the label that is to be predicted."""
    for feature in features:
        if feature.aggregate in LABEL_AGGREGATES and feature.delay_days < 1:
            raise ValueError(
                f"{feature.name!r}: a feature made from labels needs a delay of at least one day, "
                "or it contains the label that is to be predicted"
            )


def calendar_features(
    parts: Sequence[CalendarPart], *, zone: str | None = None
) -> tuple[CalendarFeature, ...]:
    """Each calendar part, in an IANA time zone, as a feature of the same name."""
    return tuple(CalendarFeature(name=part, part=part, zone=zone) for part in parts)

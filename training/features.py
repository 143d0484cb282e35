"""The engine: history features by Polars, what a card or a terminal did before each transaction.

The definitions are data (`registry.contract.HistoryFeature`, made in `training.definitions`); here
each is computed from running totals of its entity: where the window ends, minus where it starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from registry.contract import CalendarFeature, HistoryFeature
from training.definitions import LABELLED, refuse_labels_without_delay

_TOTALS = ("rows", "amount", "label")
_LATEST = {"days_since_fraud": "fraud at", "days_since_genuine": "genuine at"}
_HOURS_A_DAY = 24
_MICROSECONDS_A_DAY = 86_400_000_000
_LARGEST_RATIO = 1000.0
_LAST_HOUR_OF_NIGHT, _SATURDAY = 6, 6


def add_calendar(
    transactions: pl.DataFrame, features: Sequence[CalendarFeature], *, time: str
) -> pl.DataFrame:
    """`transactions` with one Float64 column for each feature appended; `time` is a Datetime."""
    moment = pl.col(time).dt
    parts = {
        "hour": moment.hour(),
        "night": moment.hour() <= _LAST_HOUR_OF_NIGHT,
        "weekend": moment.weekday() >= _SATURDAY,
    }
    return transactions.with_columns(
        parts[feature.part].cast(pl.Float64).alias(feature.name) for feature in features
    )


def add_history(
    transactions: pl.DataFrame,
    features: Sequence[HistoryFeature],
    *,
    time: str,
    amount: str,
    label: str,
) -> pl.DataFrame:
    """`transactions`, rows and order unchanged, with one Float64 column for each feature appended.

    The window is `(t - delay - window, t - delay]`, a day being 24 hours. Without a delay it ends
    at the transaction itself: of rows with the same time those above it count and those below do
    not, as in the book's published values. No later row, and no label younger than the delay,
    changes a value, not even in its last bit.

    `time` is a Datetime column without nulls, in any order. `amount` is a number, finite; it is
    read only for mean amounts, which are in the same unit, and ratios. `label` is 1 or true for
    fraud; it is read only by the features made from labels, and null there means "not known to be a
    fraud". Where the entity is null, a feature is what it is for an empty window: payments by
    unknown cards are not one history.

    Raises ValueError for a column that is missing, taken by a feature's name, or not as said
    above, and for a feature made from labels without a delay.
    """
    refuse_labels_without_delay(features)
    _check_columns(transactions, features, time, amount, label)
    entities = list(dict.fromkeys(feature.entity for feature in features))
    amounts = pl.col(amount) if _reads_amount(features) else pl.lit(0)
    labels = pl.col(label).fill_null(0) if _reads_label(features) else pl.lit(0)
    rows = transactions.select(
        pl.col(time).alias("time"),
        pl.lit(1).cast(pl.Int64).alias("rows"),
        amounts.cast(pl.Float64).alias("amount"),
        labels.cast(pl.Int64).alias("label"),
        *(pl.col(entity).alias(f"entity {at}") for at, entity in enumerate(entities)),
        pl.int_range(pl.len()).alias("row"),
    ).sort("time", maintain_order=True)
    history = pl.concat(
        [
            rows.select("row"),
            *(
                _history_of(
                    rows.with_columns(pl.col(f"entity {at}").alias("entity")),
                    [feature for feature in features if feature.entity == entity],
                )
                for at, entity in enumerate(entities)
            ),
        ],
        how="horizontal",
    ).sort("row")
    return transactions.hstack(history.select(feature.name for feature in features))


def _history_of(rows: pl.DataFrame, features: Sequence[HistoryFeature]) -> pl.DataFrame:
    """Float64 columns of one entity's features, in the order of `rows`, which is that of time."""
    # Totals of each entity by itself, so that no rounding error comes from another one's future.
    running = [pl.col(total).cum_sum().over("entity") for total in _TOTALS]
    latest = [
        pl.when(pl.col("label") == label).then("time").forward_fill().over("entity").alias(name)
        for label, name in ((1, "fraud at"), (0, "genuine at"))
        if any(_LATEST.get(feature.aggregate) == name for feature in features)
    ]
    totals = rows.select("entity", "time", *running, *latest)
    # Not this total less the row's own amount: what rounding leaves could be all that is left.
    before = totals.select(pl.col(_TOTALS).shift(1).over("entity").fill_null(0))
    ends = {feature.delay_days for feature in features}
    starts = {feature.delay_days + feature.window_days for feature in features}
    # Without a delay, the totals are those of the row's place among rows of the same time.
    at = {days: totals if days == 0 else _totals_before(totals, days) for days in ends | starts}
    columns: list[pl.Series] = []
    for feature in features:
        end, start = at[feature.delay_days], at[feature.delay_days + feature.window_days]
        if feature.aggregate in _LATEST:
            column = _days_since(feature, rows["time"], end)
        elif feature.aggregate == "amount_ratio":
            column = _ratio(rows["amount"], before if feature.delay_days == 0 else end, start)
        else:
            column = _aggregate(feature, end, start)
        empty = _of_an_empty_window(feature)
        columns.append(column.set(rows["entity"].is_null(), empty).alias(feature.name))
    return pl.DataFrame(columns)


def _totals_before(totals: pl.DataFrame, days: int) -> pl.DataFrame:
    """For each row, its entity's totals over all rows up to `days` before it; 0 when none is."""
    # Not `time - timedelta`: Polars would round nanoseconds to microseconds.
    earlier = totals.select("entity", pl.col("time").dt.offset_by(f"-{days * _HOURS_A_DAY}h"))
    return earlier.join_asof(
        totals, on="time", by="entity", strategy="backward", check_sortedness=False
    ).with_columns(pl.col(_TOTALS).fill_null(0))


def _of_an_empty_window(feature: HistoryFeature) -> float:
    if feature.aggregate in _LATEST:
        return float(feature.delay_days + feature.window_days)
    return 1.0 if feature.aggregate == "amount_ratio" else 0.0


def _aggregate(feature: HistoryFeature, end: pl.DataFrame, start: pl.DataFrame) -> pl.Series:
    count = (end["rows"] - start["rows"]).cast(pl.Float64)
    if feature.aggregate == "count":
        return count
    total = "amount" if feature.aggregate == "mean_amount" else "label"
    return ((end[total] - start[total]) / count).set(count == 0, 0.0)


def _ratio(amount: pl.Series, end: pl.DataFrame, start: pl.DataFrame) -> pl.Series:
    count = (end["rows"] - start["rows"]).cast(pl.Float64)
    mean = (end["amount"] - start["amount"]) / count
    ratio = (amount / mean).clip(-_LARGEST_RATIO, _LARGEST_RATIO)
    return ratio.set((count <= 0) | (mean <= 0), 1.0)


def _days_since(feature: HistoryFeature, time: pl.Series, end: pl.DataFrame) -> pl.Series:
    passed = (time - end[_LATEST[feature.aggregate]]).dt.total_microseconds() / _MICROSECONDS_A_DAY
    window = _of_an_empty_window(feature)
    return passed.fill_null(window).clip(upper_bound=window)


def _reads_amount(features: Sequence[HistoryFeature]) -> bool:
    return any(feature.aggregate in ("mean_amount", "amount_ratio") for feature in features)


def _reads_label(features: Sequence[HistoryFeature]) -> bool:
    return any(feature.aggregate in LABELLED for feature in features)


def _check_columns(
    transactions: pl.DataFrame,
    features: Sequence[HistoryFeature],
    time: str,
    amount: str,
    label: str,
) -> None:
    needed = [time, *dict.fromkeys(feature.entity for feature in features)]
    needed += [amount] * _reads_amount(features) + [label] * _reads_label(features)
    if missing := [name for name in needed if name not in transactions.columns]:
        raise ValueError(f"the transactions have no column {missing}")
    names = [*transactions.columns, *(feature.name for feature in features)]
    if taken := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"columns {taken} are already there: rename the features")
    if not isinstance(transactions.schema[time], pl.Datetime):
        raise ValueError(f"{time!r} is {transactions.schema[time]}, and must be a Datetime")
    if transactions[time].null_count():
        raise ValueError(f"{time!r} has nulls: a history needs the time of every transaction")
    if _reads_amount(features) and not _all_finite(transactions[amount]):
        raise ValueError(f"{amount!r} must hold finite numbers, and no nulls")
    if _reads_label(features) and not _all_labels(transactions[label]):
        raise ValueError(f"{label!r} must hold 1 or true for fraud, 0 or false for none, or null")


def _all_finite(amounts: pl.Series) -> bool:
    return amounts.dtype.is_numeric() and bool(
        amounts.cast(pl.Float64).is_finite().fill_null(False).all()
    )


def _all_labels(labels: pl.Series) -> bool:
    return labels.dtype == pl.Boolean or (
        labels.dtype.is_numeric() and labels.drop_nulls().cast(pl.Float64).is_in([0.0, 1.0]).all()
    )

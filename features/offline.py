"""The engine: history features, what a card or a terminal did before each transaction.

The definitions are data (`registry.model.contract.HistoryFeature`, made in `features.definitions`).
Here columns are checked, brought to arrays entity by entity, and the results put back in order;
`features.windows` computes on the arrays.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from features import windows
from features.definitions import LABELLED, refuse_labels_without_delay
from features.windows import Floats, Ints
from registry.model.contract import CalendarFeature, HistoryFeature

_TICKS_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
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
    day = _TICKS_A_DAY[transactions[time].dtype.time_unit]  # type: ignore[attr-defined]
    entities = list(dict.fromkeys(feature.entity for feature in features))
    columns = [pl.col(time).to_physical().alias("time"), pl.int_range(pl.len()).alias("row")]
    if _reads_amount(features):
        columns.append(pl.col(amount).cast(pl.Float64).alias("amount"))
    if _reads_label(features):
        columns.append(pl.col(label).fill_null(0).cast(pl.Int8).alias("label"))
    keys = [pl.col(entity).alias(f"entity {at}") for at, entity in enumerate(entities)]
    rows = transactions.select(*columns, *keys).sort("time", maintain_order=True)

    def history(at: int) -> dict[str, Floats]:
        wanted = [feature for feature in features if feature.entity == entities[at]]
        return _history_of(rows.rename({f"entity {at}": "entity"}), wanted, day)

    # numpy and Polars let another thread run meanwhile; more than two would cost memory.
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = dict(ChainMap(*pool.map(history, range(len(entities)))))
    return transactions.hstack([pl.Series(one.name, made[one.name]) for one in features])


def _history_of(
    rows: pl.DataFrame, features: Sequence[HistoryFeature], day: int
) -> dict[str, Floats]:
    """One entity's features in the order that column `row` numbers; `day` is in ticks of `time`."""
    needed = [pl.col("row", "time")]
    # Totals of each entity by itself, so that no rounding error comes from another one's.
    for summed in ["label"] * _reads_label(features) + ["amount"] * _reads_amount(features):
        total = pl.col(summed).cast(pl.Float64).cum_sum()
        before = total.shift(1).fill_null(0)
        needed += [pl.col(summed), total.alias(f"{summed}s"), before.alias(f"{summed}s before")]
    groups = rows.drop_nulls("entity").group_by("entity").agg(*needed).drop("entity")
    lengths = groups["row"].list.len().cast(pl.Int64).to_numpy()
    runs = pl.DataFrame([column.explode() for column in groups])
    # Without a delay, a window ends with the row, at its place among rows of the same time.
    edges = {0: np.arange(1, runs.height + 1)}
    days = {feature.delay_days for feature in features} - {0}
    days |= {feature.delay_days + feature.window_days for feature in features}
    found = windows.edges(runs["time"].to_numpy(), lengths, [one * day for one in days])
    edges |= {one: found[one * day] for one in days}
    made: dict[str, Floats] = {}
    for feature in features:
        start, end = edges[feature.delay_days + feature.window_days], edges[feature.delay_days]
        column = np.full(rows.height, _of_an_empty_window(feature))
        column[runs["row"].to_numpy()] = _computed(feature, runs, start, end, day)
        made[feature.name] = column
    return made


def _computed(
    feature: HistoryFeature, runs: pl.DataFrame, start: Ints, end: Ints, day: int
) -> Floats:
    """One feature in the order of `runs`, its windows being `[start, end)` in the same."""
    if feature.aggregate == "count":
        return windows.counts(start, end)
    if feature.aggregate == "mean_amount":
        return _mean(runs, "amounts", start, end)
    if feature.aggregate == "risk":
        return _mean(runs, "labels", start, end)
    if feature.aggregate == "amount_ratio":
        # Not a total less the row's own amount: what rounding leaves could be all that is left.
        others = end if feature.delay_days else end - 1
        mean = _mean(runs, "amounts", start, others)
        return windows.ratios(runs["amount"].to_numpy(), mean, _LARGEST_RATIO)
    frauds = (runs["label"] == 1).to_numpy()
    wanted = frauds if feature.aggregate == "days_since_fraud" else ~frauds
    longest = _of_an_empty_window(feature) * day
    return windows.since_last(runs["time"].to_numpy(), wanted, start, end, longest) / day


def _mean(runs: pl.DataFrame, totals: str, start: Ints, end: Ints) -> Floats:
    before = runs[f"{totals} before"].to_numpy()
    return windows.means(runs[totals].to_numpy(), before, start, end)


def _of_an_empty_window(feature: HistoryFeature) -> float:
    if feature.aggregate in ("days_since_fraud", "days_since_genuine"):
        return float(feature.delay_days + feature.window_days)
    return 1.0 if feature.aggregate == "amount_ratio" else 0.0


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

"""History features: what a card or a terminal did before, as far as it was known by then.

The definitions are data (`registry.contract.HistoryFeature`); here Polars computes them, each from
two running totals of its entity: where the window ends, minus where it starts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from registry.contract import HistoryFeature

_TOTALS = ("rows", "amount", "label")
_HOURS_A_DAY = 24


def history_features(
    entities: Sequence[str],
    risky: Collection[str],
    *,
    windows_days: Sequence[int] = (1, 7, 30),
    delay_days: int,
) -> tuple[HistoryFeature, ...]:
    """Definitions after the Fraud Detection Handbook, chapter 3 "Baseline feature transformation".

    An entity that is not risky (the customer) gets `{entity}_count_{w}d` and
    `{entity}_mean_amount_{w}d` for each window of w days, up to the transaction and with it. A
    risky one (the terminal) gets `{entity}_count_{w}d` and `{entity}_risk_{w}d`, both ending
    `delay_days` before the transaction, since no later label is known at its time; the book counts
    a terminal's transactions over that same window. A customer and a risky terminal make the
    book's twelve history features; its other three are the amount, weekend and night.

    Raises ValueError when a risky name is not among the entities, or when there is one and
    `delay_days` is below 1: the risk would then hold the transaction's own label.
    """
    if unknown := sorted(set(risky) - set(entities)):
        raise ValueError(f"risky names {unknown} are not among the entities {list(entities)}")
    features = tuple(
        HistoryFeature(
            name=f"{entity}_{aggregate}_{days}d",
            entity=entity,
            aggregate=aggregate,
            window_days=days,
            delay_days=delay_days if entity in risky else 0,
        )
        for entity in entities
        for days in windows_days
        for aggregate in (("count", "risk") if entity in risky else ("count", "mean_amount"))
    )
    _refuse_risk_without_delay(features)
    return features


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
    not, as in the book's published values. No later row, and for a risk no label younger than the
    delay, changes a value, not even in its last bit.

    `time` is a Datetime column without nulls, in any order. `amount` is a number, finite; it is
    read only for a mean amount, which is in the same unit. `label` is 1 or true for fraud; it is
    read only for a risk, and null there means "not known to be a fraud". A feature is 0 where its
    window is empty, and where the entity is null: payments by unknown cards are not one history.

    Raises ValueError for a column that is missing, taken by a feature's name, or not as said
    above, and for a risk without a delay.
    """
    _refuse_risk_without_delay(features)
    _check_columns(transactions, features, time, amount, label)
    entities = list(dict.fromkeys(feature.entity for feature in features))
    reads = {feature.aggregate for feature in features}
    amounts = pl.col(amount) if "mean_amount" in reads else pl.lit(0)
    labels = pl.col(label).fill_null(0) if "risk" in reads else pl.lit(0)
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
    totals = rows.select(
        "entity", "time", *(pl.col(total).cum_sum().over("entity") for total in _TOTALS)
    )
    ends = {feature.delay_days for feature in features}
    starts = {feature.delay_days + feature.window_days for feature in features}
    # The totals at the row itself are those of its place among rows of the same time.
    at = {days: totals if days == 0 else _totals_before(totals, days) for days in ends | starts}
    return pl.DataFrame(
        [
            _aggregate(
                feature,
                at[feature.delay_days],
                at[feature.delay_days + feature.window_days],
            ).set(rows["entity"].is_null(), 0.0)
            for feature in features
        ]
    )


def _totals_before(totals: pl.DataFrame, days: int) -> pl.DataFrame:
    """For each row, its entity's totals over all rows up to `days` before it; 0 when none is."""
    # Not `time - timedelta`: Polars would round nanoseconds to microseconds.
    earlier = totals.select("entity", pl.col("time").dt.offset_by(f"-{days * _HOURS_A_DAY}h"))
    return earlier.join_asof(
        totals, on="time", by="entity", strategy="backward", check_sortedness=False
    ).with_columns(pl.col(_TOTALS).fill_null(0))


def _aggregate(feature: HistoryFeature, end: pl.DataFrame, start: pl.DataFrame) -> pl.Series:
    count = (end["rows"] - start["rows"]).cast(pl.Float64)
    if feature.aggregate == "count":
        return count.alias(feature.name)
    total = "amount" if feature.aggregate == "mean_amount" else "label"
    mean = (end[total] - start[total]) / count
    return mean.set(count == 0, 0.0).alias(feature.name)


def _refuse_risk_without_delay(features: Sequence[HistoryFeature]) -> None:
    for feature in features:
        if feature.aggregate == "risk" and feature.delay_days < 1:
            raise ValueError(
                f"{feature.name!r}: a risk needs a delay of at least a day, "
                "or it holds the label that is to be predicted"
            )


def _check_columns(
    transactions: pl.DataFrame,
    features: Sequence[HistoryFeature],
    time: str,
    amount: str,
    label: str,
) -> None:
    reads = {feature.aggregate for feature in features}
    needed = [time, *dict.fromkeys(feature.entity for feature in features)]
    needed += [amount] * ("mean_amount" in reads) + [label] * ("risk" in reads)
    if missing := [name for name in needed if name not in transactions.columns]:
        raise ValueError(f"the transactions have no column {missing}")
    names = [*transactions.columns, *(feature.name for feature in features)]
    if taken := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"columns {taken} are already there: rename the features")
    if not isinstance(transactions.schema[time], pl.Datetime):
        raise ValueError(f"{time!r} is {transactions.schema[time]}, and must be a Datetime")
    if transactions[time].null_count():
        raise ValueError(f"{time!r} has nulls: a history needs the time of every transaction")
    if "mean_amount" in reads and not _all_finite(transactions[amount]):
        raise ValueError(f"{amount!r} must hold finite numbers, and no nulls")
    if "risk" in reads and not _all_labels(transactions[label]):
        raise ValueError(f"{label!r} must hold 1 or true for fraud, 0 or false for none, or null")


def _all_finite(amounts: pl.Series) -> bool:
    return amounts.dtype.is_numeric() and bool(
        amounts.cast(pl.Float64).is_finite().fill_null(False).all()
    )


def _all_labels(labels: pl.Series) -> bool:
    return labels.dtype == pl.Boolean or (
        labels.dtype.is_numeric() and labels.drop_nulls().cast(pl.Float64).is_in([0.0, 1.0]).all()
    )

"""Labels from files: the one of each transaction that counts, and what is odd about the others."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_SEED = 0
_FORMATS = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_ALWAYS = pl.lit(-float("inf"), dtype=pl.Float64)


@dataclass(frozen=True)
class LabelColumns:
    """Names of columns in the files of labels; an empty one is not there.

    `sampled` says of an alert whether it was drawn at random to be approved in spite of its score.
    """

    id: str = "transaction_id"
    fraud: str = "fraud"
    known_at: str = ""
    amount: str = ""
    sampled: str = ""

    @property
    def given(self) -> tuple[str, ...]:
        return tuple(name for name in vars(self).values() if name)


@dataclass
class Counts:
    """What the join met; each transaction with a record is in exactly one of the last five.

    `reversed_labels` replaced an earlier opposite one, `contradictory_labels` are transactions with
    both at the same time, `early_labels` became known only after the time of the look.
    """

    records: int = 0
    records_without_id: int = 0
    repeated_records: int = 0
    labels: int = 0
    invalid_labels: int = 0
    early_labels: int = 0
    repeated_labels: int = 0
    reversed_labels: int = 0
    contradictory_labels: int = 0
    labels_without_record: int = 0
    late_labels: int = 0
    other_versions: int = 0
    immature: int = 0
    unlabelled: int = 0
    genuine: int = 0
    frauds: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: value + vars(other)[name] for name, value in vars(self).items()})


def id_hash(column: str) -> pl.Expr:
    """64 bits: of n transactions, one in 2⁶⁴ / n is taken for another, as in the feature store."""
    text = pl.col(column).cast(pl.String)
    return pl.when(text.is_null() | (text == "")).then(None).otherwise(text.hash(_SEED))


def slim_labels(labels: pl.LazyFrame, columns: LabelColumns) -> pl.LazyFrame:
    schema = labels.collect_schema()
    return labels.select(
        id=id_hash(columns.id),
        fraud=_truth(columns.fraud),
        known=_seconds(columns.known_at, schema[columns.known_at]) if columns.known_at else _ALWAYS,
        amount=pl.col(columns.amount).cast(pl.Float64, strict=False)
        if columns.amount
        else pl.lit(None, dtype=pl.Float64),
        sampled=_truth(columns.sampled) == 1 if columns.sampled else pl.lit(None, dtype=pl.Boolean),
    )


def _truth(column: str) -> pl.Expr:
    """1, 0, or null for anything but a truth value."""
    text = pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase()
    is_one, is_zero = text.is_in(["1", "1.0", "true"]), text.is_in(["0", "0.0", "false"])
    return pl.when(is_one).then(1).when(is_zero).then(0).otherwise(None).cast(pl.Int8)


def _seconds(column: str, kind: pl.DataType) -> pl.Expr:
    """Unix time; always known where there is none, null where it is not a time."""
    moment = pl.col(column)
    if kind.is_numeric():
        return moment.cast(pl.Float64).fill_null(-float("inf"))
    if kind == pl.String:
        text = moment.str.strip_chars().str.replace(" ", "T")
        moment = pl.coalesce(
            text.str.to_datetime(each, strict=False, time_unit="us", time_zone="UTC")
            for each in _FORMATS
        )
    else:
        moment = moment.cast(pl.Datetime("us"))
    seconds = moment.dt.epoch("us") / 1e6
    return pl.when(pl.col(column).is_null()).then(_ALWAYS).otherwise(seconds)


def resolve(labels: pl.DataFrame, until: float) -> tuple[pl.DataFrame, Counts]:
    """The label of each id as it was known at `until` (Unix time), with columns `id`, `label`,
    `known`, `amount`, `sampled`; null where there are both at the same time.

    Of several, the one that became known last counts, as in the service.
    """
    valid = labels.drop_nulls(["id", "fraud", "known"])
    known = valid.filter(pl.col("known") <= until)
    moments = known.group_by("id", "known").agg(
        low=pl.min("fraud"), high=pl.max("fraud"), rows=pl.len(),
        amount=pl.max("amount"), sampled=pl.max("sampled"),
    )  # fmt: skip
    each = (
        moments.sort("id", "known")
        .group_by("id")
        .agg(
            pl.last("low"), pl.last("high"), pl.sum("rows"),
            first=pl.first("known"), last=pl.last("known"),
            kinds=1 + pl.max("high") - pl.min("low"),
            amount=pl.max("amount"), sampled=pl.max("sampled"),
        )
    )  # fmt: skip
    contradictory = pl.col("low") != pl.col("high")
    resolved = each.select(
        "id", "amount", "sampled", "rows", "kinds",
        label=pl.when(contradictory).then(None).otherwise(pl.col("low")),
        contradictory=contradictory,
        # Repeated later it does not become late; a reversal counts from the last word on.
        known=pl.when(pl.col("kinds") > 1).then(pl.col("last")).otherwise(pl.col("first")),
    )  # fmt: skip
    clear = resolved.filter(~pl.col("contradictory"))
    counts = Counts(
        labels=len(labels),
        invalid_labels=len(labels) - len(valid),
        early_labels=len(valid) - len(known),
        repeated_labels=int((resolved["rows"] - resolved["kinds"]).sum()),
        reversed_labels=int((clear["kinds"] > 1).sum()),
        contradictory_labels=len(resolved) - len(clear),
    )
    return resolved, counts

"""The join: one row for each transaction, of its first record and its label.

Records and labels are each read once and split by a hash of the transaction's id into parts on a
local disk, which are then joined one after the other: memory depends on the size of a part, not on
how many transactions there are. Of genuine transactions far from any alert, a large join keeps
every Nth, which then counts N times.

A transaction that was sent again has several records. The first counts: a client acted on the first
answer it got, and later ones saw what came after the transaction (docs/decisions/monitoring.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path

import polars as pl

from monitoring.labels import Counts, LabelColumns, id_hash, resolve, slim_labels
from monitoring.sources import first_line
from registry.errors import UsageError
from registry.temporary import temporary_folder

DAY_SECONDS = 86_400
PART_ROWS = 2_000_000
"""Records of a part: 200 MB of memory at a time."""
KEPT_ROWS = 4_000_000
"""About how many rows a join keeps; beyond, of the genuine ones only a sample."""
MAX_WEIGHT = 28
"""A resample multiplies weights by 9 at most, and they have 8 bits."""
_NEEDED = ("transaction_id", "time", "model_version", "probability", "decision")
_RANK = (
    pl.col("probability").rank("ordinal", descending=True).over("version", "day").cast(pl.Int64) - 1
)
"""Of equal probabilities, the row above comes first: rows are sorted by the hash of their id."""
SLICE_PREFIX = "slice."
NO_PART = "none"


@dataclass(frozen=True)
class VersionTerms:
    """What the join needs to know of a ledger version: its label delay and alert budget."""

    delay_days: float
    budget_per_day: int


@dataclass(frozen=True)
class Joined:
    """Transactions whose label could be known: `rows` has one of each kept one.

    Its columns: `version`, `day` (since 1970-01-01, UTC), `probability`, `review` (the decision),
    `label` (null: none), `amount` (null: not known), `weight` (how many transactions it stands
    for), `rank` (place among those of its version and day, from 0; exact up to the alert budget),
    and one for each slice. `days` has the number of transactions by `version` and `day`.
    """

    rows: pl.DataFrame
    days: pl.DataFrame
    counts: Counts


def join(
    records: pl.LazyFrame,
    labels: pl.LazyFrame,
    columns: LabelColumns,
    terms: Mapping[int, VersionTerms],
    until: datetime,
    *,
    amount: str = "",
    slices: Sequence[str] = (),
    unlabelled_is_genuine: bool = False,
    part_rows: int = PART_ROWS,
    kept_rows: int = KEPT_ROWS,
) -> Joined:
    """Join records with the labels that were known at `until`.

    A transaction counts once the label delay has passed since the end of its day. `terms` are by
    ledger version; records of others are counted only. `amount` and `slices` name inputs of the
    records. Raises UsageError for missing columns and unreadable files, and OSError.
    """
    _require(records, _NEEDED, "the records")
    _require(labels, columns.given, "the labels")
    try:
        size = int(records.select(pl.len()).collect(engine="streaming").item())
        parts = max(1, -(-size // part_rows))
        weight = min(MAX_WEIGHT, max(1, -(-size // kept_rows)))
        with temporary_folder("join-") as folder:
            _split(_slim_records(records, amount, slices), folder / "records", parts)
            _split(slim_labels(labels, columns), folder / "labels", parts)
            done = [
                _join_part(
                    folder,
                    part,
                    terms,
                    until.timestamp(),
                    weight,
                    unlabelled_is_genuine=unlabelled_is_genuine,
                )
                for part in range(parts)
            ]
            counts = Counts(
                records=(without_id := len(_part(folder / "records", NO_PART))),
                records_without_id=without_id,
                invalid_labels=(nameless := len(_part(folder / "labels", NO_PART))),
                labels=nameless,
            )
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"records or labels cannot be read: {first_line(error)}") from error
    days = pl.concat([each.days for each in done]).group_by("version", "day").agg(pl.sum("count"))
    rows = pl.concat([each.rows for each in done])
    ranked = rows.sort("id").with_columns(rank=_RANK)
    counts = reduce(Counts.__add__, (each.counts for each in done), counts)
    return Joined(ranked.drop("id"), days.sort("version", "day"), counts)


def _require(frame: pl.LazyFrame, names: Sequence[str], what: str) -> None:
    try:
        known = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{what} cannot be read: {first_line(error)}") from error
    if missing := [name for name in names if name not in known]:
        raise UsageError(f"{what} have no column {missing[0]!r}; theirs are {', '.join(known)}")


def _split(rows: pl.LazyFrame, folder: Path, parts: int) -> None:
    """Write the rows to `part=N/*.parquet`, those without an id to a part of their own."""
    part = (pl.col("id") % parts).cast(pl.String).fill_null(NO_PART)
    # An empty part has its columns, too.
    for name in (NO_PART, *map(str, range(parts))):
        target = folder / f"part={name}"
        target.mkdir(parents=True)
        pl.DataFrame(schema=rows.collect_schema()).write_parquet(target / "empty.parquet")
    rows.with_columns(part=part).sink_parquet(
        pl.PartitionBy(folder, key="part", include_key=False),
        mkdir=True,
        compression="lz4",
        statistics=False,
        maintain_order=False,
        engine="streaming",
    )


def _part(folder: Path, part: str) -> pl.DataFrame:
    return pl.read_parquet(
        sorted((folder / f"part={part}").glob("*.parquet")), hive_partitioning=False
    )


def _slim_records(records: pl.LazyFrame, amount: str, slices: Sequence[str]) -> pl.LazyFrame:
    kinds = {**dict.fromkeys(slices, pl.String), **({amount: pl.Float64} if amount else {})}
    inputs = pl.col("inputs").str.json_decode(pl.Struct(kinds)).struct
    none = pl.lit(None, dtype=pl.Float64)
    return records.select(
        id=id_hash("transaction_id"),
        time=pl.col("time"),
        version=pl.col("model_version").cast(pl.Int32),
        probability=pl.col("probability").cast(pl.Float32),
        review=pl.col("decision") == "review",
        own_amount=inputs.field(amount) if amount else none,
        **{f"{SLICE_PREFIX}{name}": inputs.field(name) for name in slices},
    )


def _join_part(
    folder: Path,
    part: int,
    terms: Mapping[int, VersionTerms],
    until: float,
    weight: int,
    *,
    unlabelled_is_genuine: bool,
) -> Joined:
    records, labels = (_part(folder / name, str(part)) for name in ("records", "labels"))
    again = records["id"].is_duplicated()
    sent_again = records.filter(again).sort("time", "version", "probability")
    first = pl.concat([records.filter(~again), sent_again.unique("id", keep="first")])
    resolved, counts = resolve(labels, until)
    day = (pl.col("time") / DAY_SECONDS).floor()
    joined = (
        first.join(_table(terms), on="version", how="left")
        .join(resolved.drop("rows", "kinds"), on="id", how="left")
        .with_columns(day=day.cast(pl.Int32))
        .with_columns(due=(day + 1 + pl.col("delay")) * DAY_SECONDS)
    )
    of_version = joined.filter(pl.col("delay").is_not_null())
    mature = of_version.filter(pl.col("due") <= until)
    late = pl.col("label").is_not_null() & (pl.col("known") > pl.col("due"))
    if unlabelled_is_genuine:
        no_label = pl.col("label").is_null() & ~pl.col("contradictory").fill_null(value=False)
        mature = mature.with_columns(label=pl.when(no_label).then(0).otherwise(pl.col("label")))
    counts += Counts(
        records=len(records),
        repeated_records=len(records) - len(first),
        labels_without_record=len(resolved) - joined["contradictory"].count(),
        late_labels=mature.filter(late).height,
        other_versions=len(joined) - len(of_version),
        immature=len(of_version) - len(mature),
        unlabelled=mature["label"].null_count(),
        genuine=int((mature["label"] == 0).sum()),
        frauds=int((mature["label"] == 1).sum()),
    )
    return Joined(
        _kept(mature, weight), mature.group_by("version", "day").agg(count=pl.len()), counts
    )


def _kept(mature: pl.DataFrame, weight: int) -> pl.DataFrame:
    """All frauds, all that may be alerts, and of the genuine ones every `weight`th."""
    highest = pl.col("probability").top_k(pl.first("budget")).min()
    bounds = mature.group_by("version", "day").agg(bound=highest)
    bounded = mature.join(bounds, on=["version", "day"])
    # Ranked are only these few: of all rows it would take longer than the rest of the join.
    high = bounded.filter(pl.col("probability") >= pl.col("bound")).sort("id")
    low = bounded.filter(pl.col("probability") < pl.col("bound"))
    is_drawn = (pl.col("label") == 0) & (_mixed("id") % weight == 0)
    rows = pl.concat(
        [
            high.with_columns(is_whole=(pl.col("budget") > _RANK) | (pl.col("label") == 1)),
            low.with_columns(is_whole=pl.col("label") == 1),
        ]
    ).filter(pl.col("is_whole") | is_drawn)
    return rows.select(
        "id", "version", "day", "probability", "review", "sampled",
        pl.col("label").cast(pl.Int8),
        pl.when("is_whole").then(1).otherwise(weight).cast(pl.UInt8).alias("weight"),
        pl.coalesce("own_amount", "amount").alias("amount"),
        pl.col(f"^{re.escape(SLICE_PREFIX)}.*$"),
    )  # fmt: skip


def _mixed(column: str) -> pl.Expr:
    """Bits of a hash that do not depend on its part."""
    return pl.col(column) // 2**40


def _table(terms: Mapping[int, VersionTerms]) -> pl.DataFrame:
    return pl.DataFrame(
        [(version, each.delay_days, each.budget_per_day) for version, each in terms.items()],
        schema={"version": pl.Int32, "delay": pl.Float64, "budget": pl.Int64},
        orient="row",
    )

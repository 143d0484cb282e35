"""The transactions of a data set as a store of histories takes them: one at a time, with labels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from features.online import Transaction
from training.columns import rows
from training.data import read_transactions
from training.dataset import Dataset
from training.errors import BadInput

ID = "id of the transaction"
"""The column that no file is likely to have."""
_1970 = datetime(1970, 1, 1)


def read_past(source: str, dataset: Dataset) -> pl.DataFrame:
    """What a store needs of the data, in order of time: `ID`, time, amount, entities and label.

    The id is the canonical text of the column that the data-set file names, or else `row:N` of the
    Nth row in order of time. Raises BadInput.
    """
    name = dataset.id
    only = {"numbers": (), "categories": () if name is None else (name,)}
    frame = read_transactions(source, dataset.model_copy(update=only)).frame
    ids = pl.format("row:{}", pl.int_range(1, pl.len() + 1)) if name is None else pl.col(name)
    frame = frame.with_columns(ids.alias(ID))
    if frame[ID].null_count():
        raise BadInput(f"column {name!r} (the id) has no value in {rows(frame[ID].is_null())}")
    return frame


def until(frame: pl.DataFrame, dataset: Dataset, end: datetime | None) -> pl.DataFrame:
    """The rows before a time, with the labels that were known then; without one, all rows, with
    what was known at the last.

    A label is known `delay_days` after its transaction.
    """
    time = pl.col(dataset.time.column)
    if end is not None:
        frame = frame.filter(time < end)
    known = end if end is not None else time.max()
    is_known = time <= known - pl.duration(days=dataset.delay_days)
    return frame.with_columns(pl.when(is_known).then(dataset.label).alias(dataset.label))


def transactions(
    frame: pl.DataFrame, dataset: Dataset
) -> Iterator[tuple[Transaction, bool | None]]:
    """Each row with its label, None where that is not known."""
    names = list(dataset.entities)
    columns = [pl.col(dataset.time.column).to_physical(), pl.col(dataset.label).cast(pl.Boolean)]
    for id_, time, label, amount, *entities in frame.select(
        ID, *columns, dataset.amount, *names
    ).iter_rows():
        yield Transaction(id_, time, amount, tuple(entities)), label


def microseconds(time: datetime) -> int:
    """A time of the data, as in `Transaction`."""
    return (time - _1970) // timedelta(microseconds=1)


def time_of(microseconds: int) -> datetime:
    """The inverse of `microseconds`."""
    return _1970 + timedelta(microseconds=microseconds)


def as_data_time(text: str, zone: str | None) -> datetime:
    """A time in ISO 8601 as the data has it: in UTC if it has an offset or there is a `zone`.

    Raises BadInput.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time in ISO 8601, such as 2018-08-08") from error
    if time.tzinfo is None and zone is not None:
        time = time.replace(tzinfo=ZoneInfo(zone))
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time

"""Splitting by time only: train, a gap in which labels are still unknown, then test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from training.dataset import Dataset
from training.errors import BadInput


@dataclass(frozen=True)
class Split:
    """Rows to fit on and, after the label delay, rows to evaluate on."""

    train: pl.DataFrame
    test: pl.DataFrame


def split_data(frame: pl.DataFrame, dataset: Dataset) -> Split:
    """Train and test as the data-set file defines them, without known compromised entities.

    `frame` is sorted by time. Raises BadInput as `split_by_time` does.
    """
    split = split_by_time(frame, dataset, test_share=dataset.test_share)
    split = replace(split, test=drop_compromised(split.test, frame, dataset))
    return _checked(split, frame, dataset, ("train", "test"))


def split_by_time(
    frame: pl.DataFrame,
    dataset: Dataset,
    *,
    test_share: float,
    names: tuple[str, str] = ("train", "test"),
) -> Split:
    """Split rows that are sorted by time: the last `test_share` of them are the test part.

    The border is a time, so that rows of the same moment fall on the same side. Rows in the last
    `delay_days` before it belong to neither part: on the day the model is fitted, their labels
    are not known yet. Raises BadInput, calling the parts by `names`, if one has no rows or only
    one of the two labels.
    """
    border = frame[dataset.time.column][int(len(frame) * (1 - test_share))]
    return _checked(_split_at(border, frame, dataset), frame, dataset, names)


def prequential_folds(
    train: pl.DataFrame, dataset: Dataset, *, folds: int, share: float
) -> tuple[Split, ...]:
    """Rolling folds inside rows that are sorted by time, the oldest first.

    The last `share` of the rows is cut, at times, into `folds` parts of roughly equal size. Each
    is the test part of one fold, which is fitted on all rows that are more than `delay_days`
    older, as the next model would be in real life. Raises BadInput as `split_by_time` does,
    naming the fold.

    Method: prequential evaluation (Dawid, 1984); Fraud Detection Handbook, chapter 5.
    """
    times = train[dataset.time.column]
    starts = [int(len(train) * (1 - share * (folds - fold) / folds)) for fold in range(folds)]
    borders = [times[row] for row in starts]
    splits: list[Split] = []
    for fold, border in enumerate(borders):
        is_last = fold + 1 == folds
        rows = train if is_last else _before(borders[fold + 1], train, dataset)
        names = (f"fold {fold + 1} fitting", f"fold {fold + 1} test")
        splits.append(_checked(_split_at(border, rows, dataset), rows, dataset, names))
    return tuple(splits)


def drop_compromised(test: pl.DataFrame, frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """`test` without the rows of entities that were known to be compromised on their day.

    For entities with `drop_compromised_days`: one that had a fraud at most so many days before the
    first test day, or later, is dropped from the first day at whose start the label of that fraud
    was known, because its card would have been blocked. Days begin at midnight. `frame` also holds
    the transactions before the test.

    Method: Fraud Detection Handbook, chapter 3, `get_train_test_set`; with a train week and a
    delay of a week it drops by the frauds of 14 days.
    """
    for name, entity in dataset.entities.items():
        if entity.drop_compromised_days is not None:
            test = _without_compromised(test, frame, dataset, name, entity.drop_compromised_days)
    return test


def _without_compromised(
    test: pl.DataFrame, frame: pl.DataFrame, dataset: Dataset, entity: str, since_days: int
) -> pl.DataFrame:
    time = pl.col(dataset.time.column)
    first_day = test[dataset.time.column].dt.truncate("1d").min()
    is_recent = time >= pl.lit(first_day) - pl.duration(days=since_days)
    frauds = frame.filter((pl.col(dataset.label) == 1) & is_recent)
    day_known = time.min().dt.truncate("1d") + pl.duration(days=dataset.delay_days + 1)
    known = frauds.group_by(pl.col(entity).alias("_compromised")).agg(day_known.alias("_known"))
    joined = test.select(entity, time).join(
        known, left_on=entity, right_on="_compromised", how="left", maintain_order="left"
    )
    usable = joined["_known"].is_null() | (joined[dataset.time.column] < joined["_known"])
    return test.filter(usable)


def _split_at(border: datetime, frame: pl.DataFrame, dataset: Dataset) -> Split:
    """Slices of `frame`, not copies: the rows of years may fit into memory only once."""
    return Split(
        train=_before(border - timedelta(days=dataset.delay_days), frame, dataset),
        test=frame.slice(len(_before(border, frame, dataset))),
    )


def _before(border: datetime, frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The rows before a time, of rows that are sorted by time."""
    return frame.head(int(frame[dataset.time.column].search_sorted(border, side="left")))


def _checked(split: Split, frame: pl.DataFrame, dataset: Dataset, names: tuple[str, str]) -> Split:
    times = frame[dataset.time.column]
    for name, part in zip(names, (split.train, split.test), strict=True):
        if part.is_empty():
            covered = f"{times[0]} to {times[-1]}" if len(frame) else "nothing"
            raise BadInput(
                f"the {name} part of the split has no rows: the data covers {covered}, "
                f"the label delay is {dataset.delay_days} days"
            )
        if part[dataset.label].n_unique() < 2:
            missing = "fraud" if part[dataset.label].max() == 0 else "genuine transaction"
            raise BadInput(f"the {name} part of the split contains no {missing}")
    return split

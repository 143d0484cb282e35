"""Splitting by time only: train, a gap for the labels to arrive, then test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from training.dataset import Dataset
from training.errors import BadInput


@dataclass(frozen=True)
class Split:
    """Rows to learn from and, after the label delay, rows to judge on."""

    train: pl.DataFrame
    test: pl.DataFrame


def split_data(frame: pl.DataFrame, dataset: Dataset) -> Split:
    """Train and test as the data-set file says, known compromised entities dropped where it does.

    `frame` is sorted by time. Raises BadInput as `split_by_time` does.
    """
    time, label = dataset.time.column, dataset.label
    split = split_by_time(
        frame, time=time, label=label, delay_days=dataset.delay_days, test_share=dataset.test_share
    )
    test = split.test
    for name, entity in dataset.entities.items():
        if entity.drop_compromised_days is not None:
            test = drop_compromised(
                test,
                frame,
                entity=name,
                time=time,
                label=label,
                delay_days=dataset.delay_days,
                since_days=entity.drop_compromised_days,
            )
    split = replace(split, test=test)
    return _checked(split, frame, time, label, dataset.delay_days, ("train", "test"))


def split_by_time(
    frame: pl.DataFrame,
    *,
    time: str,
    label: str,
    delay_days: float,
    test_share: float,
    names: tuple[str, str] = ("train", "test"),
) -> Split:
    """Split rows that are sorted by time: the last `test_share` of them are the test.

    The border is a time, so that rows of the same moment fall on the same side. Rows in the
    `delay_days` before it belong to neither part: on the day the model is fitted, their labels
    are not known yet. Raises BadInput, calling the parts by `names`, where one has no rows or no
    fraud.
    """
    border = frame[time][int(len(frame) * (1 - test_share))]
    split = _at(frame, time, border, delay_days)
    return _checked(split, frame, time, label, delay_days, names)


def prequential_folds(
    train: pl.DataFrame, *, time: str, label: str, delay_days: float, folds: int, share: float
) -> tuple[Split, ...]:
    """Rolling folds inside rows that are sorted by time, the oldest first.

    The last `share` of the rows is cut, at times, into `folds` parts of about equally many rows.
    Each is the test of one fold, which learns from all rows that are more than `delay_days` older,
    as in real life the next model would. Raises BadInput as `split_by_time` does, naming the fold.

    Method: prequential evaluation (Dawid, 1984); Fraud Detection Handbook, chapter 5.
    """
    first = [int(len(train) * (1 - share * (folds - fold) / folds)) for fold in range(folds)]
    borders = [train[time][row] for row in first]
    made: list[Split] = []
    for fold, border in enumerate(borders):
        until = train if fold + 1 == folds else train.filter(pl.col(time) < borders[fold + 1])
        names = (f"fold {fold + 1} fitting", f"fold {fold + 1} test")
        split = _at(until, time, border, delay_days)
        made.append(_checked(split, until, time, label, delay_days, names))
    return tuple(made)


def drop_compromised(
    test: pl.DataFrame,
    frame: pl.DataFrame,
    *,
    entity: str,
    time: str,
    label: str,
    delay_days: int,
    since_days: int,
) -> pl.DataFrame:
    """`test` without the rows of an entity that was known to be compromised on their day.

    That is one with a fraud `since_days` or fewer before the first test day, or later, whose label
    was known at the start of the row's day: its card would have been blocked. Days begin at
    midnight. `frame` holds the transactions before the test too.

    Method: Fraud Detection Handbook, chapter 3, `get_train_test_set`; with a train week and a
    delay of a week its `since_days` is 14.
    """
    begin = test[time].dt.truncate("1d").min()
    frauds = frame.filter(
        (pl.col(label) == 1) & (pl.col(time) >= pl.lit(begin) - pl.duration(days=since_days))
    )
    known = frauds.group_by(pl.col(entity).alias("_compromised")).agg(
        (pl.col(time).min().dt.truncate("1d") + pl.duration(days=delay_days + 1)).alias("_known")
    )
    joined = test.join(
        known, left_on=entity, right_on="_compromised", how="left", maintain_order="left"
    )
    usable = joined["_known"].is_null() | (joined[time] < joined["_known"])
    return test.filter(usable)


def _at(frame: pl.DataFrame, time: str, border: datetime, delay_days: float) -> Split:
    return Split(
        train=frame.filter(pl.col(time) < border - timedelta(days=delay_days)),
        test=frame.filter(pl.col(time) >= border),
    )


def _checked(
    split: Split,
    frame: pl.DataFrame,
    time: str,
    label: str,
    delay_days: float,
    names: tuple[str, str],
) -> Split:
    for name, part in zip(names, (split.train, split.test), strict=True):
        if part.is_empty():
            covered = f"{frame[time][0]} to {frame[time][-1]}" if len(frame) else "nothing"
            raise BadInput(
                f"the {name} part of the split has no rows: the data covers "
                f"{covered}, the label delay is {delay_days} days"
            )
        if part[label].n_unique() < 2:
            kind = "fraud" if part[label].max() == 0 else "genuine transaction"
            raise BadInput(f"the {name} part of the split holds no {kind}")
    return split

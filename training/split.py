"""Splitting by time only: train, a gap for the labels to arrive, then test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from training.errors import BadInput


@dataclass(frozen=True)
class Split:
    """Rows to learn from and, after the label delay, rows to judge on."""

    train: pl.DataFrame
    test: pl.DataFrame


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
    first_test_row = int(len(frame) * (1 - test_share))
    border = frame[time][first_test_row]
    split = Split(
        train=frame.filter(pl.col(time) < border - timedelta(days=delay_days)),
        test=frame.filter(pl.col(time) >= border),
    )
    for name, part in zip(names, (split.train, split.test), strict=True):
        if part.is_empty():
            raise BadInput(
                f"the {name} part of the split has no rows: the data covers "
                f"{frame[time][0]} to {frame[time][-1]}, the label delay is {delay_days} days"
            )
        if part[label].n_unique() < 2:
            kind = "fraud" if part[label].max() == 0 else "genuine transaction"
            raise BadInput(f"the {name} part of the split holds no {kind}")
    return split

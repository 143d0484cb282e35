"""The values that an input of a model can have, by what it is: others are refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.definitions import MAX_RATIO
from registry.model.contract import CalendarPart, HistoryFeature

FLOAT32_MAX = float(np.finfo(np.float32).max)
MAX_CATEGORY_LENGTH = 1000


class Range(NamedTuple):
    """The least and the greatest value, inclusive."""

    low: float = -FLOAT32_MAX
    high: float = FLOAT32_MAX


def possible_range(history: HistoryFeature | None, part: CalendarPart | None) -> Range:
    """The range of a history feature or a part of the time, or else of any number."""
    if part:
        return Range(0, 23 if part == "hour" else 1)
    if history is None or history.aggregate == "mean_amount":
        return Range()
    if history.aggregate == "amount_ratio":
        return Range(high=MAX_RATIO)
    if history.aggregate == "risk":
        return Range(0, 1)
    if history.aggregate == "count":
        return Range(low=0)
    return Range(0, history.window_days + history.delay_days)

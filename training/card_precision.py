"""Card Precision@k: of the k cards that analysts look at each day, how many are compromised.

Method: Fraud Detection Handbook, chapter 4, "Precision top-k metrics".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from registry.evaluation.metrics import JudgedRows
from registry.evaluation.rows import numbered_owners


@dataclass(frozen=True)
class _Day:
    """The cards of one day by falling highest score, and whether each has a fraud on that day."""

    cards: NDArray[np.int64]
    compromised: NDArray[np.bool_]


class Cards:
    """Rows that belong to cards (or customers), ranked once, to be counted under many weights."""

    def __init__(self, rows: JudgedRows, scores: NDArray[np.float32]) -> None:
        """Rank; `rows.clusters` names the card of each row. Raises ValueError without them."""
        if rows.clusters is None:
            raise ValueError("the rows name no cards")
        self._row_of_card = np.unique(rows.clusters, return_index=True)[1]
        of_each_day = (
            pl.DataFrame(
                {
                    "day": rows.days,
                    "card": rows.clusters,
                    "score": scores,
                    "fraud": rows.labels == 1,
                }
            )
            .group_by("day", "card")
            .agg(pl.col("score").max(), pl.col("fraud").any())
            .sort("day", "score", "card", descending=[False, True, False])
            .partition_by("day", maintain_order=True)
        )
        self._days = [_Day(one["card"].to_numpy(), one["fraud"].to_numpy()) for one in of_each_day]

    def precision(self, k: int, weights: NDArray[np.uint8] | None = None) -> float:
        """Mean over the days of hits / k; a card that was found is left out on later days.

        With `weights` of shape (n,), the same for the rows of one card, a card counts as that many
        cards: a resample.
        """
        left = np.ones(len(self._row_of_card), dtype=np.int64)
        if weights is not None:
            left = weights[self._row_of_card].astype(np.int64)
        hits = 0
        for day in self._days:
            here = left[day.cards]
            room = k - (np.cumsum(here) - here)
            found = np.clip(room, 0, here) * day.compromised
            left[day.cards] -= found
            hits += int(found.sum())
        return hits / (k * len(self._days))


def card_precision(rows: JudgedRows, scores: NDArray[np.float32], k: int) -> float:
    """Card Precision@k of scores of shape (n,), between 0 and 1. Raises ValueError as `Cards`."""
    return Cards(rows, scores).precision(k)


def numbered(owners: pl.Series) -> NDArray[np.int64]:
    """The owners as the gates number them, so that both find the same intervals."""
    return numbered_owners(owners.to_pandas())

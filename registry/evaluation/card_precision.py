"""Card Precision@k: of the k cards that analysts look at each day, how many are compromised.

Method: Fraud Detection Handbook, chapter 4, "Precision top-k metrics".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evaluation.metrics import LabelledRows


@dataclass(frozen=True)
class _Day:
    """The cards of one day by falling highest score, and whether each has a fraud on that day."""

    cards: NDArray[np.int64]
    compromised: NDArray[np.bool_]


class RankedCards:
    """Rows that belong to cards (or customers), ranked once, to be counted under many weights."""

    def __init__(self, rows: LabelledRows, scores: NDArray[np.float32]) -> None:
        """`rows.clusters` names the card of each row. Raises ValueError without them."""
        if rows.clusters is None:
            raise ValueError("the rows name no cards")
        self._row_of_card = np.unique(rows.clusters, return_index=True)[1]
        order = np.lexsort((rows.clusters, -scores.astype(np.float64), rows.days))
        pairs = np.stack([rows.days[order], rows.clusters[order]])
        _, first, pair_of_row = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
        frauds = np.bincount(pair_of_row.ravel(), weights=rows.labels[order])
        # A card's first row of a day, in this order, has its highest score of that day.
        ranked = np.argsort(first)
        days, cards = pairs[:, first[ranked]]
        compromised = frauds[ranked] > 0
        starts = np.flatnonzero(np.diff(days)) + 1
        self._days = [
            _Day(cards_of_day, frauds_of_day)
            for cards_of_day, frauds_of_day in zip(
                np.split(cards, starts), np.split(compromised, starts), strict=True
            )
        ]

    def precision(self, k: int, weights: NDArray[np.uint8] | None = None) -> float:
        """Mean over the days of hits / k; a compromised card is not counted again on later days.

        With `weights` of shape (n,), the same for the rows of one card, a card counts as that many
        cards: a resample.
        """
        remaining = np.ones(len(self._row_of_card), dtype=np.int64)
        if weights is not None:
            remaining = weights[self._row_of_card].astype(np.int64)
        hits = 0
        for day in self._days:
            cards = remaining[day.cards]
            room = k - (np.cumsum(cards) - cards)
            compromised = np.clip(room, 0, cards) * day.compromised
            remaining[day.cards] -= compromised
            hits += int(compromised.sum())
        return hits / (k * len(self._days))

"""Card Precision@k by hand, against the book's own way, and under weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.evaluation.card_precision import RankedCards
from registry.evaluation.metrics import LabelledRows
from registry.evaluation.rows import numbered_owners


def rows(labels: list[int], days: list[int], cards: list[int]) -> LabelledRows:
    return LabelledRows(
        np.array(labels, dtype=np.int8),
        np.array(days, dtype=np.int64),
        np.ones(len(labels)),
        np.array(cards, dtype=np.int64),
    )


def scores(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def card_precision(
    rows: LabelledRows, scores: np.ndarray[tuple[int], np.dtype[np.float32]], k: int
) -> float:
    return RankedCards(rows, scores).precision(k)


def test_a_card_counts_with_its_highest_score_and_with_any_fraud_of_the_day() -> None:
    # Card 0 comes first by a genuine transaction, and its fraud of that day counts.
    given_rows = rows([0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 2])
    assert card_precision(given_rows, scores(0.9, 0.1, 0.8, 0.3), 1) == 1.0
    assert card_precision(given_rows, scores(0.9, 0.1, 0.8, 0.3), 2) == 0.5


def test_a_card_that_was_found_leaves_its_place_to_another_on_later_days() -> None:
    given_rows = rows([1, 0, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1])
    found = card_precision(given_rows, scores(0.9, 0.1, 0.9, 0.2), 1)
    assert found == 1.0


def test_a_card_that_was_looked_at_for_nothing_comes_back() -> None:
    given_rows = rows([0, 1, 0, 1], [0, 0, 1, 1], [0, 1, 0, 1])
    assert card_precision(given_rows, scores(0.9, 0.1, 0.9, 0.2), 1) == 0.0


def test_the_mean_is_over_days_and_k_also_where_a_day_has_fewer_cards() -> None:
    given_rows = rows([1, 0, 0], [5, 5, 9], [0, 1, 2])
    assert card_precision(given_rows, scores(0.9, 0.1, 0.5), 4) == (1 / 4 + 0 / 4) / 2


def test_rows_without_cards_are_refused() -> None:
    nobody = LabelledRows(np.ones(1, np.int8), np.zeros(1, np.int64), np.ones(1))
    with pytest.raises(ValueError, match="name no cards"):
        RankedCards(nobody, scores(0.5))


def by_the_book(frame: pd.DataFrame, k: int) -> float:
    """The Handbook's `card_precision_top_k`, chapter 4."""
    found: list[int] = []
    each: list[float] = []
    for day in sorted(frame["day"].unique()):
        of_day = frame[(frame["day"] == day) & ~frame["card"].isin(found)]
        best = of_day.groupby("card").max().sort_values("score", ascending=False).head(k)
        hits = list(best[best["label"] == 1].index)
        each.append(len(hits) / k)
        found.extend(hits)
    return float(np.mean(each))


@given(st.integers(0, 2**32), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_it_is_what_the_book_computes(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    count = 60
    made = rows(
        generator.integers(0, 2, count).tolist(),
        generator.integers(0, 4, count).tolist(),
        numbered_owners(pd.Series(generator.integers(0, 12, count))).tolist(),
    )
    different = generator.permutation(count).astype(np.float32)
    frame = pd.DataFrame(
        {"day": made.days, "card": made.clusters, "label": made.labels, "score": different}
    )
    assert card_precision(made, different, k) == pytest.approx(by_the_book(frame, k), abs=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 6))
@settings(max_examples=50, deadline=None)
def test_a_weight_is_as_good_as_that_many_cards_that_do_the_same(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    cards, days = generator.integers(0, 8, 40), generator.integers(0, 3, 40)
    labels, different = generator.integers(0, 2, 40), generator.permutation(40).astype(np.float32)
    copies = generator.integers(0, 4, 8)
    copies[cards[:1]] = 1
    made = rows(labels.tolist(), days.tolist(), numbered_owners(pd.Series(cards)).tolist())
    weights = copies[cards].astype(np.uint8)
    of_each = [row for row in range(40) for _ in range(weights[row])]
    copy = np.concatenate([np.arange(weights[row]) for row in range(40)])
    doubled = rows(
        labels[of_each].tolist(),
        days[of_each].tolist(),
        numbered_owners(pd.Series(cards[of_each] * 10 + copy)).tolist(),
    )
    expected = card_precision(doubled, different[of_each], k)
    # A day that a resample leaves empty still counts as a day.
    expected *= len(np.unique(days[of_each])) / len(np.unique(days))
    assert RankedCards(made, different).precision(k, weights) == pytest.approx(expected, abs=1e-12)

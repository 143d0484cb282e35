"""The embedded store: what counts, what is refused, and what is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from features.online import Seen, Transaction, Window
from features.stores.memory import MemoryStore
from features.stores.outcomes import Conflict, LabelOutcome, OutOfRange, Past

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = 1_767_225_600_000_000
WINDOWS = {"card": (Window(DAY, 0),), "shop": (Window(3 * DAY, 2 * DAY),)}


def new_store(**settings: Any) -> MemoryStore:
    return MemoryStore(("card", "shop"), **{"reach": 3 * DAY, "lateness": DAY, **settings})


def at(
    days: float,
    id_: str,
    amount: float = 10.0,
    *,
    card: str | None = "c",
    shop: str | None = "s",
) -> Transaction:
    return Transaction(id_, NOW + int(days * DAY), amount, (card, shop))


def card_sizes(store: MemoryStore, *transactions: Transaction) -> list[tuple[int, int]]:
    seen = [store.add(each, WINDOWS).seen["card"] for each in transactions]
    return [(each[0].size, each[0].units) for each in seen if each is not None]


def test_a_repeated_transaction_counts_once_and_has_the_same_features() -> None:
    store = new_store()
    first = store.add(at(0, "a"), WINDOWS)

    again = store.add(at(0, "a"), WINDOWS)

    assert (first.repeated, again.repeated) == (False, True)
    assert first.seen == again.seen
    assert card_sizes(store, at(0.1, "b")) == [(2, 200_000)]
    assert store.add(at(0, "a"), WINDOWS).seen == first.seen
    assert len(store) == 2


@pytest.mark.parametrize(
    "other",
    [
        at(0, "a", 10.01),
        at(0.01, "a"),
        at(0, "a", card="d"),
        at(0, "a", shop="unheard of"),
        at(0, "a", shop=None),
    ],
)
def test_the_same_id_with_other_content_is_refused_and_changes_nothing(other: Transaction) -> None:
    store = new_store()
    card_sizes(store, at(0, "a"))

    with pytest.raises(Conflict, match="recorded with another time, amount or entity"):
        store.add(other, WINDOWS)
    with pytest.raises(Conflict):
        store.peek(other, WINDOWS)

    assert card_sizes(store, at(0.1, "b")) == [(2, 200_000)]
    assert (len(store), store.entities("card"), store.entities("shop")) == (2, 1, 1)


def test_a_what_if_is_not_recorded() -> None:
    store = new_store()

    assert store.peek(at(0, "a"), WINDOWS).seen["card"] == [Seen(1, 100_000, 0, None, None)]

    assert (len(store), store.entities("card"), store.newest) == (0, 0, None)


def test_a_late_transaction_takes_its_place_and_later_ones_count_it() -> None:
    store = new_store()

    assert card_sizes(store, at(0, "a", 1), at(0.5, "b", 2), at(0.2, "late", 4)) == [
        (1, 10_000),
        (2, 30_000),
        (2, 50_000),
    ]
    assert card_sizes(store, at(0.5, "b", 2), at(0.6, "c", 8)) == [(3, 70_000), (4, 150_000)]


def test_a_transaction_older_than_what_is_kept_is_refused() -> None:
    store = new_store()
    card_sizes(store, at(0, "a"), at(5, "b"))

    with pytest.raises(OutOfRange, match="its time is 3,600 s before the oldest accepted"):
        store.add(Transaction("c", NOW + 4 * DAY - HOUR, 1.0, ("c", "s")), WINDOWS)

    assert card_sizes(store, at(4, "d")) == [(1, 100_000)]


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e12])
def test_an_amount_that_cannot_be_counted_is_refused_and_leaves_no_trace(amount: float) -> None:
    store = new_store()

    with pytest.raises(ValueError, match="the amount must be a number between"):
        store.add(at(0, "a", amount), WINDOWS)

    assert (len(store), store.entities("card"), store.newest) == (0, 0, None)


def test_amounts_that_add_up_to_more_than_can_be_counted_are_refused() -> None:
    store = new_store()
    for number in range(4_611):
        store.add(at(0, str(number), 1e11, shop=None), {})

    with pytest.raises(ValueError, match="add up to more than can be counted"):
        store.add(at(0, "one too many", 1e11, card="c", shop="new"), {})

    assert (len(store), store.entities("shop")) == (4_611, 0)


def test_an_unknown_entity_has_no_windows_and_no_history() -> None:
    store = new_store()

    seen = store.add(at(0, "a", card=None, shop=None), WINDOWS).seen

    assert seen == {"card": None, "shop": None}
    assert len(store) == 0


def test_labels_are_recorded_repeated_reversed_and_unknown() -> None:
    store = new_store()
    card_sizes(store, at(0, "a"))

    outcomes = [
        store.label("a", fraud=True),
        store.label("a", fraud=True),
        store.label("a", fraud=False),
        store.label("nobody", fraud=True),
    ]

    assert outcomes == [
        LabelOutcome("recorded", NOW),
        LabelOutcome("repeated", NOW),
        LabelOutcome("reversed", NOW),
        LabelOutcome("unknown", None),
    ]


def test_a_label_counts_in_the_windows_that_hold_its_transaction() -> None:
    store = new_store()
    card_sizes(store, at(0, "a"), at(0.5, "b"))
    store.label("a", fraud=True)

    seen = [store.add(at(days, f"at {days}"), WINDOWS).seen["shop"] for days in (1.9, 2, 2.6, 3)]

    assert seen == [
        [Seen(0, 0, 0, None, None)],
        [Seen(1, 100_000, 1, NOW, None)],
        [Seen(2, 200_000, 1, NOW, NOW + DAY // 2)],
        [Seen(1, 100_000, 0, None, NOW + DAY // 2)],
    ]


def test_what_no_window_reaches_is_forgotten_with_its_entities() -> None:
    store = new_store()
    for number in range(1000):
        store.add(at(number / 10, str(number), card=f"card {number}"), WINDOWS)
        store.label(str(number), fraud=number % 2 == 0)

    # Four days are kept, and as many are still to be swept at most.
    assert 40 <= len(store) <= 80
    assert store.entities("card") == len(store)
    assert store.label("1", fraud=False) == LabelOutcome("unknown", None)
    assert len(store.past("shop", "s", 1000)) <= 80


def test_a_history_is_shown_newest_first_with_its_labels() -> None:
    store = new_store()
    card_sizes(store, at(0, "a", 1.5), at(0.1, "b", 2), at(0.2, "c", -3))
    store.label("a", fraud=True)
    store.label("b", fraud=False)

    assert store.past("card", "c", 10) == [
        Past(NOW + DAY // 5, -30_000, None),
        Past(NOW + DAY // 10, 20_000, False),
        Past(NOW, 15_000, True),
    ]
    assert store.past("shop", "s", 1) == [Past(NOW + DAY // 5, -30_000, None)]
    assert store.past("card", "nobody", 10) == []

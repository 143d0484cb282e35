"""The history of one entity."""

from __future__ import annotations

from features.online import Seen, Window
from features.stores.events import FRAUD, Events
from features.stores.history import History


def history_of(times: list[int]) -> tuple[History, Events]:
    events, history = Events(1), History(1, "card")
    for number, time in enumerate(times):
        history.insert(events.add(number, time, [1]), time, units=10**number, events=events)
    return history, events


def test_those_with_the_same_time_stay_in_the_order_of_arrival() -> None:
    history, events = history_of([5, 9, 5, 5, 1])

    assert [history.place_of(slot, events) for slot in range(5)] == [1, 4, 2, 3, 0]
    assert [history.units_at(place) for place in range(5)] == [10_000, 1, 100, 1_000, 10]


def test_a_window_holds_what_is_later_than_its_start_up_to_its_end() -> None:
    history, events = history_of([1, 2, 3, 4])

    place = history.place_of(3, events)

    windows = (Window(3, 0), Window(2, 1), Window(9, 1))
    assert history.seen(windows, 4, place, None, events) == [
        Seen(3, 1_110, 0, None, None),
        Seen(1, 100, 0, None, 3),
        Seen(3, 111, 0, None, 3),
    ]


def test_expired_transactions_are_dropped_and_totals_stay_right() -> None:
    history, events = history_of([])
    for time in range(100):
        history.insert(events.add(time, time, [1]), time, units=time, events=events)
    for fraud in (3, 98):
        events.labels[fraud] = FRAUD
        history.mark_fraud(fraud, events)

    history.expire(97, events)

    assert len(history.past(1000, events)) == 3
    assert history.seen((Window(90, 1),), 99, history.place_of(99, events), None, events) == [
        Seen(2, 97 + 98, 1, 98, 97)
    ]
    history.unmark_fraud(98)
    history.expire(200, events)
    assert history.is_empty


def test_the_last_genuine_one_is_found_before_a_series_of_frauds() -> None:
    history, events = history_of([1, 2, 2, 2, 3, 3, 4])
    frauds = (2, 3, 4, 5, 6)
    for slot in frauds:
        events.labels[slot] = FRAUD
        history.mark_fraud(slot, events)

    def last_genuine(start: int, end: int) -> int | None:
        [seen] = history.seen((Window(9 - start, 9 - end),), 9, 6, None, events)
        return seen.last_genuine

    assert [last_genuine(0, end) for end in (1, 2, 3, 4)] == [1, 2, 2, 2]
    assert [last_genuine(start, 4) for start in (1, 2, 3)] == [2, None, None]

"""The table of transactions and its index."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.stores.events import NO_OWNER, UNKNOWN, Events


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200))
def test_each_id_has_its_slot_as_long_as_it_is_kept(steps: list[tuple[bool, int]]) -> None:
    events = Events(1)
    # As if hashes were few, so that many share a bucket.
    kept: dict[int, int] = {}
    for add, number in steps:
        hash_ = number << 14
        if add and number not in kept:
            kept[number] = events.add(hash_, time=number, owners=[number + 1])
        elif not add and number in kept:
            events.remove(kept.pop(number))

        assert len(events) == len(kept)
        assert {each: events.find(each << 14) for each in range(31)} == {
            each: kept.get(each) for each in range(31)
        }
    assert all(events.times[slot] == number for number, slot in kept.items())
    assert all(events.owners[0][slot] == number + 1 for number, slot in kept.items())


def test_a_slot_that_was_freed_is_used_again_without_its_label() -> None:
    events = Events(2)
    slot = events.add(1, time=5, owners=[1, NO_OWNER])
    events.labels[slot] = 2
    events.remove(slot)

    assert events.is_free(slot)
    assert events.add(2, time=6, owners=[NO_OWNER, 3]) == slot
    assert events.labels[slot] == UNKNOWN
    assert not events.is_free(slot)
    assert events.slots == 1


def test_ids_hash_to_other_numbers_under_another_key() -> None:
    one, other = Events(1, b"a" * 16), Events(1, b"b" * 16)

    assert one.hash_of("transaction") == 1_668_156_051_814_132_030
    assert one.hash_of("transaction") != other.hash_of("transaction")
    assert one.hash_of("") != one.hash_of("é")

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from monitoring.join import VersionTerms
from monitoring.live import Look, amount_input, look_at, terms_of
from monitoring.performance import Transactions
from tests.contracts import raw_contract
from tests.monitoring.promises import CONTRACT, drawn, joined, promise

UNTIL = datetime(1970, 4, 1, tzinfo=UTC)


def look(served: Transactions) -> Look:
    found = look_at(promise(), joined(served), UNTIL, alpha=0.05, resamples=20)
    assert found is not None
    return found


def test_a_look_has_the_whole_the_days_and_the_bands_of_amount() -> None:
    served = drawn(days=20, seed=3)

    found = look(served)

    assert (found.whole.transactions, found.whole.frauds) == (4000, int(served.labels.sum()))
    assert list(found.days) == [date(1970, 1, 1 + day) for day in range(20)]
    assert found.days[date(1970, 1, 5)].transactions == 200
    assert found.expected.keys() == found.days.keys()
    # A contract without a transaction does not say which input is the amount.
    assert (found.slices, amount_input(CONTRACT)) == ({}, "")
    assert amount_input(raw_contract()) == "amount"


def test_slices_with_few_frauds_are_left_out() -> None:
    served = drawn(seed=3)
    countries = np.where(np.arange(2000) < 20, "FR", "DE")
    sliced = joined(served, countries=countries)

    found = look_at(promise(), sliced, UNTIL, alpha=0.05, resamples=20)

    assert found is not None
    assert list(found.slices) == ["country DE"]
    assert found.slices["country DE"].transactions == 1980


def test_a_promise_that_is_kept_and_one_that_is_broken() -> None:
    kept = drawn(days=60, seed=3)
    lost = np.random.default_rng(4).random(len(kept.labels)) < 0.6
    broken = Transactions(**{**vars(kept), "labels": np.where(lost, 0, kept.labels).astype("i1")})

    assert not look(kept).is_broken
    assert look(broken).is_broken
    assert look(broken).whole_precision == pytest.approx(0.4 * look(kept).whole_precision, abs=0.05)


def test_the_same_look_is_the_same() -> None:
    assert look(drawn(seed=3)).whole == look(drawn(seed=3)).whole


def test_without_a_transaction_there_is_no_look_and_without_labelled_alerts_no_test() -> None:
    assert look_at(promise(), joined(drawn(), version=8), UNTIL, alpha=0.05) is None
    served = drawn(days=2)
    unknown = Transactions(**{**vars(served), "labels": np.full(400, -1, dtype=np.int8)})
    found = look(unknown)
    assert (found.test, found.is_broken, found.whole.estimates) == (None, False, {})
    assert np.isnan(found.whole_precision)


def test_the_terms_of_a_join_are_those_of_contract_and_policy() -> None:
    assert terms_of({7: promise()}) == {7: VersionTerms(7, 10)}

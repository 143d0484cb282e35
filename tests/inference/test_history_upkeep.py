"""Answers without a store, and models that wait until the store holds what they look back at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import pytest

from features.definitions import history_features
from features.online import Transaction
from features.stores.store import StoreUnavailable
from inference import history_upkeep
from inference.history_upkeep import IncompleteHistory, Span
from inference.model import ServedModel
from tests.contracts import number, raw_contract
from tests.inference.calls import Caller
from tests.inference.models import raw_model
from tests.inference.sending import probability, sent

DAY = 86_400_000_000


@pytest.fixture
def answering(caller: Caller) -> Caller:
    """A service whose model may score while the store is away."""
    return caller.serve(raw_model(answers_without_history=True))


@pytest.fixture
def store_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Caller, bool], None]:
    """Takes the store of a service away, or brings it back."""

    async def away(*_: Any) -> None:
        raise StoreUnavailable("no connection")

    def switch(caller: Caller, is_away: bool) -> None:
        store = caller.app.histories.store
        for name in ("add", "peek", "load"):
            if is_away:
                monkeypatch.setattr(store, name, away, raising=False)
            else:
                monkeypatch.delattr(store, name)

    return switch


def look_after(caller: Caller) -> None:
    """A round of what the service does every few seconds."""
    store = caller.app.histories.store
    assert store is not None
    caller.run(caller.app.histories.upkeep.once(store))


def longer(*windows_days: int, action: Literal["promote", "rollback"] = "promote") -> ServedModel:
    """A model whose windows of cards are those, and which looks back the label delay further."""
    features = history_features(("card", "shop"), {"shop"}, windows_days=windows_days, delay_days=7)
    names = ["amount", *(each.name for each in features), "night"]
    contract = raw_contract(inputs=tuple(map(number, names)), history_features=features)
    return raw_model(contract, action=action)


def test_without_the_store_the_amount_is_scored_with_an_empty_history_and_flagged(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    assert probability(answering, sent("a")) == 0.1
    store_away(answering, True)

    answer = answering.post("/predict?explain=true", sent("b", "12:00:01")).json()

    assert (answer["probability"], answer["history"]) == (0.0, "missing")
    assert answer["features"]["card_count_1d"] == 0
    assert answer["features"]["night"] == 0
    samples = answering.samples()
    assert samples["fraud_without_history_total"] == 1
    assert samples["fraud_store_unavailable_total"] == 1
    assert samples["fraud_history_transactions_total{result=new}"] == 1


def test_what_was_answered_without_history_becomes_history_once_the_store_is_back(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    store_away(answering, True)
    for id_, time in (("a", "12:00:00"), ("b", "12:00:01")):
        assert answering.post("/predict", sent(id_, time)).json()["history"] == "missing"
    answering.post("/predict?record=false", sent("what if", "12:00:01"))
    with pytest.raises(StoreUnavailable):
        look_after(answering)
    store_away(answering, False)

    look_after(answering)

    assert probability(answering, sent("c", "12:00:02")) == 0.3
    assert answering.samples()["fraud_history_lost_total"] == 0


def test_of_a_batch_only_the_first_waits_for_the_store_and_each_says_so(
    answering: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    store = answering.app.histories.store
    assert store is not None
    add = store.add

    async def fails_at_b(transaction: Transaction, windows: Any) -> Any:
        asked.append(transaction.id)
        if transaction.id == "b":
            raise StoreUnavailable("no connection")
        return await add(transaction, windows)

    monkeypatch.setattr(store, "add", fails_at_b, raising=False)
    batch = [sent(id_, f"12:00:0{number}") for number, id_ in enumerate("abc")]

    answer = answering.post("/predict/batch", {"transactions": batch}).json()

    assert asked == ["a", "b"]
    assert [each.get("history") for each in answer["predictions"]] == [None, "missing", "missing"]


def test_a_form_whose_answer_cannot_say_so_is_refused(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    store_away(answering, True)
    assert answering.post("/invocations", {"dataframe_records": [sent("a")]}).status_code == 503


def test_an_amount_that_cannot_be_counted_is_refused_without_the_store_too(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    store_away(answering, True)
    assert answering.post("/predict", sent("a", amount=1e12)).status_code == 422
    assert answering.samples()["fraud_without_history_total"] == 0


def test_more_than_can_wait_are_counted_as_lost(
    answering: Caller,
    store_away: Callable[[Caller, bool], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_upkeep, "MAX_WAITING", 1)
    store_away(answering, True)
    for id_ in "abc":
        assert answering.post("/predict", sent(id_)).status_code == 200
    assert answering.samples()["fraud_history_lost_total"] == 2


def test_one_that_the_store_cannot_take_does_not_hold_up_the_others(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    assert probability(answering, sent("a")) == 0.1
    store_away(answering, True)
    answering.post("/predict", sent("a", amount=11.0))
    answering.post("/predict", sent("b", "12:00:01"))
    store_away(answering, False)

    look_after(answering)

    assert answering.samples()["fraud_history_lost_total"] == 1
    assert probability(answering, sent("c", "12:00:02")) == 0.3


def test_what_still_waits_at_the_end_is_counted(
    answering: Caller, store_away: Callable[[Caller, bool], None]
) -> None:
    store_away(answering, True)
    answering.post("/predict", sent("a"))
    answering.run(answering.app.histories.close())
    assert answering.samples()["fraud_history_lost_total"] == 1


def test_a_store_that_nobody_filled_is_complete_since_the_first_transaction(raw: Caller) -> None:
    before = raw.get("/healthcheck").json()["missing_history"]
    probability(raw, sent("b", "12:00:01"))
    probability(raw, sent("a", "12:00:00"))
    probability(raw, sent("c", "12:00:02"))
    look_after(raw)

    found = raw.get("/healthcheck").json()["missing_history"]

    assert before is None
    assert found == {
        "since": "2026-02-16T12:00:02+00:00",
        "until": "2026-03-02T12:00:01+00:00",
        "whole_on": "2026-03-16T12:00:01+00:00",
    }
    assert raw.samples()["fraud_history_missing_seconds"] == 14 * 86_400 - 1


def test_a_store_that_was_filled_far_enough_misses_nothing(raw: Caller) -> None:
    store = raw.app.histories.store
    assert store is not None
    raw.run(store.complete_from(0))
    probability(raw, sent("a"))
    look_after(raw)
    assert raw.get("/healthcheck").json()["missing_history"] is None
    assert raw.samples()["fraud_history_missing_seconds"] == 0


def test_a_model_that_looks_back_further_waits_until_the_store_is_filled(raw: Caller) -> None:
    store, served = raw.app.histories.store, raw.model
    assert store is not None
    probability(raw, sent("a"))
    raw.run(store.complete_from(0))
    look_after(raw)

    with pytest.raises(IncompleteHistory, match=r"look back 37 days: the feature store is told to"):
        raw.serve(longer(1, 7, 30))
    look_after(raw)
    with pytest.raises(
        IncompleteHistory,
        match=r"lacks those from 2026-01-24 12:00 to 2026-02-15 12:00: the model is served once "
        r"they are loaded with `python -m features load`, or on 2026-03-24, when nothing",
    ):
        raw.serve(longer(1, 7, 30))
    assert raw.model is served

    raw.run(store.complete_from(0))
    look_after(raw)
    model = longer(1, 7, 30)
    raw.serve(model)
    assert raw.model is model


def test_a_model_with_shorter_windows_does_not_wait(raw: Caller) -> None:
    look_after(raw)
    model = longer(1)
    raw.serve(model)
    assert raw.model is model


def test_a_rollback_does_not_wait(raw: Caller) -> None:
    look_after(raw)
    model = longer(1, 7, 30, action="rollback")
    raw.serve(model)
    assert raw.model is model


@pytest.mark.parametrize(
    ("zoned", "since"), [(True, "1970-01-02T00:00:00+00:00"), (False, "1970-01-02T00:00:00")]
)
def test_times_are_shown_as_clients_send_them(zoned: bool, since: str) -> None:
    shown = Span(DAY, 3 * DAY).shown(2 * DAY, zoned=zoned)
    assert shown["since"] == datetime.fromisoformat(since)
    assert shown["whole_on"] == datetime.fromisoformat(since.replace("02", "06"))

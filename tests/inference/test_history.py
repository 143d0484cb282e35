"""Raw transactions in: their features come from the history, and they become part of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.redis_server import redis_server
from features.stores.redis import RedisStore
from features.stores.store import StoreUnavailable
from inference.history import Histories
from inference.model import load_model
from registry.errors import ContractError, UsageError
from tests.candidates import files_of
from tests.contracts import FORM, number, raw_contract
from tests.inference.calls import Caller
from tests.inference.models import RAW, raw_model, raw_weights, three_inputs, write_contract_model
from tests.inference.sending import probability, sent
from tests.redis_servers import needs_redis


def test_each_transaction_counts_for_those_after_it(raw: Caller) -> None:
    assert probability(raw, sent("a", "12:00:00")) == 0.1
    assert probability(raw, sent("b", "12:00:01")) == 0.2
    assert probability(raw, sent("other card", "12:00:02", card="c2")) == 0.1
    assert probability(raw, sent("c", "12:00:03")) == 0.3
    samples = raw.samples()
    assert samples["fraud_history_transactions_total{result=new}"] == 4


def test_one_that_is_sent_again_counts_once_and_has_the_same_answer(raw: Caller) -> None:
    first = raw.post("/predict", sent("a"), x_request_id="x")
    probability(raw, sent("b", "12:00:01"))

    assert raw.post("/predict", sent("a"), x_request_id="x").json() == first.json()
    assert probability(raw, sent("c", "12:00:02")) == 0.3
    assert raw.samples()["fraud_history_transactions_total{result=repeated}"] == 1


def test_a_what_if_leaves_no_trace(raw: Caller) -> None:
    assert probability(raw, sent("a"), "?record=false") == 0.1
    assert probability(raw, sent("b"), "?record=false") == 0.1
    assert probability(raw, sent("b")) == 0.1


def test_a_batch_is_read_in_order_of_time_and_answered_in_that_of_the_request(raw: Caller) -> None:
    answer = raw.post(
        "/predict/batch",
        {"transactions": [sent("b", "12:00:02"), sent("a", "12:00:01"), sent("c", "12:00:03")]},
    )

    assert [round(each["probability"], 6) for each in answer.json()["predictions"]] == [
        0.2,
        0.1,
        0.3,
    ]


def test_reasons_come_with_the_values_that_were_computed(raw: Caller) -> None:
    probability(raw, sent("a", "01:00:00", amount=3.0))

    answer = raw.post("/predict?explain=true", sent("b", "01:30:00", amount=4.0)).json()

    assert answer["features"] == {
        "card_count_1d": 2,
        "card_mean_amount_1d": 3.5,
        "card_count_7d": 2,
        "card_mean_amount_7d": 3.5,
        "shop_count_1d": 0,
        "shop_risk_1d": 0,
        "shop_count_7d": 0,
        "shop_risk_7d": 0,
        "night": 1,
    }
    assert answer["reasons"][0]["input"] == "card_count_1d"


def test_what_training_hardly_saw_is_named_be_it_sent_or_computed(raw: Caller) -> None:
    answer = raw.post("/predict", sent("a", amount=5000.0))

    assert answer.json()["outside"] == ["amount", "card_mean_amount_1d", "card_mean_amount_7d"]


@pytest.mark.parametrize(
    ("changed", "location", "message"),
    [
        ({"time": "2026-03-02T12:00:00"}, "time", "needs an offset from UTC"),
        ({"time": "yesterday"}, "time", "should be a time in ISO 8601"),
        ({"time": 5}, "time", "should be text in ISO 8601"),
        ({"time": "1970-01-01T00:00:00Z"}, "time", "is in the year 1970, before 1980"),
        ({"time": "2098-03-02T12:00:00Z"}, "time", "later than 300 s from now"),
        ({"amount": 1e12}, "amount", "the amount must be a number between -1e+11 and 1e+11"),
        ({"amount": "10"}, "amount", "Input should be a valid number"),
        ({"transaction_id": ""}, "transaction_id", "String should have at least 1 character"),
        ({"transaction_id": None}, "transaction_id", "Input should be a valid string"),
        ({"card": "c" * 201}, "card", "String should have at most 200 characters"),
        ({"card": ["c"]}, "card", "Input should be a valid string"),
        ({"card_count_1d": 3}, "card_count_1d", "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field_and_recorded_nowhere(
    raw: Caller, changed: dict[str, Any], location: str, message: str
) -> None:
    answer = raw.post("/predict", sent("a") | changed)

    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert error["loc"] == ["body", location]
    assert message in error["msg"]
    assert probability(raw, sent("b")) == 0.1


def test_one_that_is_older_than_what_is_kept_is_refused(raw: Caller) -> None:
    probability(raw, sent("a"))

    answer = raw.post("/predict", sent("b") | {"time": "2026-03-01T11:00:00Z"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {
            "type": "too_old",
            "loc": ["body", "time"],
            "msg": "its time is 3,600 s before the oldest accepted",
        }
    ]


def test_a_client_whose_clock_is_an_hour_ahead_is_refused_and_makes_no_other_too_old(
    raw: Caller,
) -> None:
    now = datetime.now(UTC)

    ahead = raw.post("/predict", sent("a") | {"time": (now + timedelta(hours=1)).isoformat()})
    late = raw.post("/predict", sent("b") | {"time": (now - timedelta(hours=23)).isoformat()})

    assert ahead.status_code == 422
    [error] = ahead.json()["detail"]
    assert (error["type"], error["loc"]) == ("too_far_ahead", ["body", "time"])
    assert late.status_code == 200


def test_an_id_of_another_transaction_is_a_conflict(raw: Caller) -> None:
    probability(raw, sent("a"))

    answer = raw.post("/predict", sent("a", amount=11.0))

    assert answer.status_code == 409
    assert answer.json()["detail"][0]["loc"] == ["body", "transaction_id"]
    assert "11" not in answer.text


def test_ids_may_be_numbers_and_entities_missing(raw: Caller) -> None:
    assert probability(raw, sent("a", transaction_id=1, card=4711)) == 0.1
    assert probability(raw, sent("a", "12:00:01", transaction_id=2, card="4711")) == 0.2
    assert probability(raw, sent("b", "12:00:02", card=None, shop=" ")) == 0.0
    assert probability(raw, sent("c", "12:00:03", card=None, shop=None)) == 0.0


def test_a_store_that_is_away_is_said_and_nothing_is_scored(
    raw: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("no connection")

    store = raw.app.histories.store
    monkeypatch.setattr(type(store), "add", away)

    answers = [
        raw.post("/predict", sent("a")),
        raw.post("/predict/batch", {"transactions": [sent("a")]}),
        raw.post("/invocations", {"dataframe_records": [sent("a")]}),
    ]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert [answer.headers["retry-after"] for answer in answers] == ["5", "5", "5"]
    assert raw.samples()["fraud_store_unavailable_total"] == 3
    assert "fraud_decisions_total" not in "".join(
        name for name, value in raw.samples().items() if value
    )


def test_other_protocols_take_the_fields_of_a_transaction_as_well(raw: Caller) -> None:
    rows = [sent("a", "12:00:01"), sent("b", "12:00:02")]
    records = raw.post("/invocations", {"dataframe_records": rows}).json()
    header = ",".join(RAW)
    line = "c,2026-03-02T12:00:03Z,c1,s1,10.0,web"
    table = raw.post("/invocations", f"{header}\n{line}\n".encode(), content_type="text/csv").json()
    tensors = [
        {
            "name": name,
            "datatype": "FP64" if name == "amount" else "BYTES",
            "shape": [1],
            "data": [value],
        }
        for name, value in sent("d", "12:00:04").items()
    ]
    name = "/v2/models/fraud-detector-production"
    inferred = raw.post(f"{name}/infer", {"inputs": tensors}).json()

    found = [each["probability"] for each in (*records["predictions"], *table["predictions"])]
    found += inferred["outputs"][0]["data"]
    assert [round(each, 6) for each in found] == [0.1, 0.2, 0.3, 0.4]
    assert [each["name"] for each in raw.get(name).json()["inputs"]] == list(RAW)


def test_a_model_that_needs_the_history_of_others_is_not_served(raw: Caller) -> None:
    form = FORM.model_copy(update={"entities": ("card", "shop", "device")})
    served = raw.model

    with pytest.raises(ContractError, match="needs the history of device, which the feature store"):
        raw.serve(raw_model(raw_contract(transaction=form)))

    assert raw.model is served


def test_a_model_that_is_loaded_for_clients_with_features_takes_the_inputs(
    tmp_path: Path,
) -> None:
    model = raw_model()
    folder = write_contract_model(tmp_path / "model", raw_weights(model.contract), model.contract)
    files = files_of(folder)

    computes = load_model(files, model.link, computes_features=True)
    takes = load_model(files, model.link)

    assert computes.raw is not None
    assert [field.name for field in computes.reader.fields] == list(RAW)
    assert takes.raw is None
    assert [field.name for field in takes.reader.fields] == list(model.contract.names)


def test_a_model_without_history_features_needs_no_store_either(caller: Caller) -> None:
    calendar = (number("amount"), number("night"))
    caller.serve(raw_model(raw_contract(inputs=calendar, history_features=())))

    transaction = sent("a", "01:00:00")
    del transaction["channel"]

    answer = caller.post("/predict?explain=true", transaction)

    assert caller.app.histories.store is None
    assert answer.json()["features"] == {"night": 1}
    assert answer.json().get("history") is None


def test_a_model_without_features_needs_no_store(ready: Caller) -> None:
    histories: Histories = ready.app.histories

    assert histories.store is None
    assert ready.get("/entities/card/c1").status_code == 404
    assert ready.post("/labels", {"transaction_id": "a", "fraud": True}).status_code == 404


def test_several_workers_need_a_store_that_they_share(
    make_caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("WEB_CONCURRENCY", "2")

    workers = make_caller()

    with pytest.raises(UsageError, match="several workers share no memory: set FRAUD_FEATURE_STOR"):
        workers.serve(raw_model())
    workers.serve(three_inputs())


def test_what_a_folder_holds_is_there_after_a_restart(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    store = f"memory:{tmp_path / 'store'}"
    first = make_caller(FRAUD_FEATURE_STORE=store).serve(raw_model())
    assert probability(first, sent("a")) == 0.1
    first.run(first.app.histories.close())

    second = make_caller(FRAUD_FEATURE_STORE=store).serve(raw_model())

    assert probability(second, sent("b", "12:00:01")) == 0.2


def test_two_services_share_what_redis_holds(
    make_caller: Callable[..., Caller], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_redis()
    patient = {**(RedisStore.__init__.__kwdefaults__ or {}), "timeout_ms": 10_000}
    monkeypatch.setattr(RedisStore.__init__, "__kwdefaults__", patient)
    with redis_server(tmp_path / "redis") as server:
        one, other = (
            make_caller(FRAUD_FEATURE_STORE=server.url).serve(raw_model()) for _ in range(2)
        )
        found = [
            probability(one, sent("a", "12:00:00")),
            probability(other, sent("b", "12:00:01")),
            probability(one, sent("b", "12:00:01")),
            probability(one, sent("c", "12:00:02")),
        ]
        for each in (one, other):
            each.run(each.app.histories.close())

    assert found == [0.1, 0.2, 0.2, 0.3]


def test_a_model_with_its_entities_in_another_order_reads_the_same_histories(raw: Caller) -> None:
    probability(raw, sent("a"))
    form = FORM.model_copy(update={"entities": ("shop", "card")})

    raw.serve(raw_model(raw_contract(transaction=form)))

    assert probability(raw, sent("b", "12:00:01")) == 0.2


def test_a_what_if_leaves_no_record_and_only_predict_takes_one(raw: Caller) -> None:
    probability(raw, sent("a"), "?record=false")

    assert raw.samples()["fraud_decisions_total{decision=approve}"] == 0
    batch = raw.post("/predict/batch?record=false", {"transactions": [sent("a")]})
    assert batch.status_code == 422
    assert batch.json()["detail"][0]["loc"] == ["query", "record"]
    invocation = raw.post("/invocations?record=false", {"dataframe_records": [sent("a")]})
    assert invocation.status_code == 400
    assert "record is for one transaction" in invocation.text


def test_before_a_model_is_served_labels_and_look_ups_are_to_be_sent_again(caller: Caller) -> None:
    assert caller.post("/labels", {"transaction_id": "a", "fraud": True}).status_code == 503
    assert caller.get("/entities/card/c1").status_code == 503

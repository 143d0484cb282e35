"""From a body to an answer: batches, reasons, and what is counted and recorded on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.history import Histories
from inference.messages import RequestContext
from inference.metrics import Metrics
from inference.predictor import Predictor
from inference.serving import Serving
from inference.settings import Settings
from tests.contracts import category, number
from tests.inference.calls import Caller
from tests.inference.models import FULL, served, three_inputs

WORSE = {"amount": 0, "age_days": None, "country": "DE"}


def batch(*transactions: Any) -> dict[str, Any]:
    return {"transactions": list(transactions)}


def test_a_batch_is_answered_in_its_order_by_one_model(ready: Caller) -> None:
    answer = ready.post("/predict/batch", batch(FULL, WORSE, FULL), x_request_id="mine")
    assert answer.status_code == 200
    assert answer.json() == {
        "predictions": [
            {"probability": 0.75, "decision": "review"},
            {"probability": 0.0, "decision": "approve"},
            {"probability": 0.75, "decision": "review"},
        ],
        "threshold": 0.5,
        "model_version": 7,
        "model_digest": ready.model.digest[:12],
        "request_id": "mine",
    }


def test_errors_in_a_batch_name_transaction_and_field(ready: Caller) -> None:
    wrong = {**FULL, "amount": "4000 0012 3456 7899", "colour": "red"}
    answer = ready.post("/predict/batch", batch(FULL, FULL, wrong))
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": [
            {
                "type": "float_type",
                "loc": ["body", "transactions", 2, "amount"],
                "msg": "Input should be a valid number",
            },
            {
                "type": "extra_forbidden",
                "loc": ["body", "transactions", 2, "colour"],
                "msg": "Extra inputs are not permitted",
            },
        ]
    }


@pytest.mark.parametrize(("rows", "status"), [(1, 200), (1000, 200), (1001, 422), (0, 422)])
def test_a_batch_holds_one_to_a_thousand_transactions(
    rows: int, status: int, ready: Caller
) -> None:
    answer = ready.post("/predict/batch", batch(*[FULL] * rows))
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["predictions"]) == rows
    else:
        assert [one["loc"] for one in answer.json()["detail"]] == [["body", "transactions"]]


def test_a_transaction_in_a_batch_that_cannot_be_scored_is_named(caller: Caller) -> None:
    caller.serve(served(number("in"), number("out"), weights=(10.0, 10.0)))
    good, huge = {"in": 0.01, "out": 0.02}, {"in": 3e38, "out": -3e38}
    answer = caller.post("/predict/batch", batch(good, huge, huge))
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {
            "type": "no_probability",
            "loc": ["body", "transactions", 1],
            "msg": "The model cannot score these values",
        }
    ]
    assert caller.samples()["fraud_probability_count"] == 0


def test_without_a_model_a_batch_gets_a_503(caller: Caller) -> None:
    answer = caller.post("/predict/batch", batch(FULL))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


floats = st.floats(-100, 100, width=32)
rows = st.fixed_dictionaries(
    {
        "amount": floats,
        "age_days": st.none() | floats,
        "country": st.sampled_from(["DE", "FR", "XX", None]),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(transactions=st.lists(rows, min_size=1, max_size=5))
def test_a_batch_is_scored_bit_identical_to_its_transactions_one_by_one(
    transactions: list[dict[str, Any]], ready: Caller
) -> None:
    together = ready.post("/predict/batch", batch(*transactions)).json()["predictions"]
    alone = [ready.predict(one).json() for one in transactions]
    of_one = ("probability", "decision", "outside")
    assert together == [{name: one[name] for name in of_one if name in one} for one in alone]


def test_a_value_far_outside_of_those_in_training_is_flagged(ready: Caller) -> None:
    """Training saw amounts of 0 to 2.5."""
    assert "outside" not in ready.predict(FULL).json()
    unusual = {**FULL, "amount": 1000, "country": "XX"}
    said = ready.predict(unusual).json()
    assert (said["decision"], said["outside"]) == ("review", ["amount", "country"])
    assert ready.post("/predict?explain=true", unusual).json()["outside"] == said["outside"]
    first, second = ready.post("/predict/batch", batch(FULL, unusual)).json()["predictions"]
    assert first == {"probability": 0.75, "decision": "review"}
    assert second["outside"] == ["amount", "country"]


@pytest.mark.parametrize("value", ["true", "false", "1", ""])
def test_where_there_are_no_reasons_they_are_refused_and_not_left_out(
    value: str, ready: Caller
) -> None:
    said = "explain is for one transaction: send it to /predict?explain=true"
    query = f"?explain={value}"
    answer = ready.post(f"/predict/batch{query}", batch(FULL))
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"type": "extra_forbidden", "loc": ["query", "explain"], "msg": said}
    ]
    answer = ready.post(f"/invocations{query}", {"inputs": [FULL]})
    assert (answer.status_code, answer.json()["message"]) == (400, said)
    answer = ready.post(f"/v2/models/fraud-detector-production/infer{query}", {"inputs": []})
    assert (answer.status_code, answer.json()) == (400, {"error": said})


def reasons_of(caller: Caller, transaction: Any) -> list[dict[str, Any]]:
    answer = caller.post("/predict?explain=true", transaction)
    assert answer.status_code == 200
    plain = caller.predict(transaction).json()
    said = answer.json()
    reasons: list[dict[str, Any]] = said.pop("reasons")
    assert {**said, "request_id": ""} == {**plain, "request_id": ""}
    return reasons


def test_reasons_say_what_each_input_changes_from_its_reference_value(ready: Caller) -> None:
    """References: amount 0.25, age_days 0.25, country DE (code 0); weights 1, 0.5 and 0.25."""
    transaction = {"amount": 1.0, "age_days": 0.75, "country": "FR"}
    assert reasons_of(ready, transaction) == [
        {"input": "amount", "value": 1.0, "reference": 0.25, "change": 0.75},
        {"input": "age_days", "value": 0.75, "reference": 0.25, "change": 0.25},
        {"input": "country", "value": "FR", "reference": "DE", "change": 0.25},
    ]


def test_reasons_may_lower_the_probability_and_say_what_missing_values_change(
    ready: Caller,
) -> None:
    """A missing number counts as 0 in this model; an unseen category has the code -1."""
    transaction = {"amount": 0, "age_days": None, "country": "XX"}
    assert reasons_of(ready, transaction) == [
        {"input": "amount", "value": 0.0, "reference": 0.25, "change": -0.25},
        {"input": "country", "value": "XX", "reference": "DE", "change": -0.25},
        {"input": "age_days", "value": None, "reference": 0.25, "change": -0.125},
    ]


def test_the_five_reasons_that_change_most_are_given_largest_first(caller: Caller) -> None:
    weights = (0.125, -4.0, 1.0, 0.0, 2.0, -0.25, 0.5)
    names = "abcdefg"
    caller.serve(served(*(number(one) for one in names), weights=weights))
    reasons = reasons_of(caller, dict.fromkeys(names, 1.25))
    assert [(one["input"], one["change"]) for one in reasons] == [
        ("b", -4.0),
        ("e", 2.0),
        ("c", 1.0),
        ("g", 0.5),
        ("f", -0.25),
    ]


def test_at_the_reference_values_nothing_changes(ready: Caller) -> None:
    reasons = reasons_of(ready, {"amount": 0.25, "age_days": 0.25, "country": "DE"})
    assert [one["change"] for one in reasons] == [0, 0, 0]


def test_an_input_whose_reference_is_missing_is_set_to_missing(caller: Caller) -> None:
    caller.serve(served(number("amount", nullable=True, reference=None), weights=(1.0,)))
    assert reasons_of(caller, {"amount": 0.5}) == [
        {"input": "amount", "value": 0.5, "reference": None, "change": 0.5}
    ]


def test_the_batch_for_reasons_is_made_in_one_call(
    ready: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, shapes = ready.model.scorer, list[tuple[int, ...]]()
    score = scorer.score

    def counted(batch_: Any) -> Any:
        shapes.append(batch_.shape)
        return score(batch_)

    monkeypatch.setattr(scorer, "score", counted)
    ready.post("/predict?explain=true", FULL)
    assert shapes == [(1, 3), (4, 3)]


@pytest.mark.parametrize("query", ["explain=false", "explain=0", ""])
def test_without_being_asked_no_reasons_are_given(query: str, ready: Caller) -> None:
    assert "reasons" not in ready.post(f"/predict?{query}", FULL).json()


def test_explain_must_be_true_or_false(ready: Caller) -> None:
    answer = ready.post("/predict?explain=perhaps", FULL)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "explain"]


# What is counted: invalid fields by name, and no names that callers make up


def invalid(caller: Caller) -> dict[str, float]:
    return {
        name.removeprefix("fraud_invalid_fields_total{field=").removesuffix(",version=7}"): value
        for name, value in caller.samples().items()
        if name.startswith("fraud_invalid_fields_total")
    }


def test_fields_that_were_refused_are_counted_by_name(ready: Caller) -> None:
    ready.predict({"amount": "much", "country": 1})
    ready.predict({"age_days": None, "country": None, "amount": None})
    ready.post("/predict/batch", batch(FULL, {**FULL, "age_days": "x"}))
    ready.post("/invocations", {"dataframe_records": [{**FULL, "amount": "x"}]})
    assert invalid(ready) == {"amount": 3, "age_days": 2, "country": 1}


def test_unknown_field_names_are_counted_under_one_label(ready: Caller) -> None:
    for number_ in range(50):
        ready.predict({**FULL, f"made up {number_}": 1})
    ready.post("/predict/batch", batch({**FULL, "colour": 1}))
    ready.post("/predict/batch", {"transactions": [FULL], "extra": 1})
    assert invalid(ready) == {"(unknown)": 52}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", b"x"),
        ("/predict", []),
        ("/predict/batch", []),
        ("/predict/batch", {}),
        ("/predict/batch", {"transactions": []}),
        ("/predict/batch", {"transactions": [FULL, 7]}),
    ],
)
def test_what_is_wrong_as_a_whole_is_counted_as_the_body(
    path: str, body: Any, ready: Caller
) -> None:
    ready.post(path, body)
    assert invalid(ready) == {"(body)": 1}


def test_an_input_may_be_called_like_the_list_of_a_batch(caller: Caller) -> None:
    caller.serve(served(number("transactions"), category("body", "a"), weights=(1.0, 1.0)))
    caller.predict({"transactions": "x", "body": "a"})
    caller.post("/predict/batch", batch({"transactions": 1, "body": 1}))
    assert invalid(caller) == {"transactions": 1, "body": 1}


# What is recorded


class Written:
    """Stands where records go, and keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(self, _: Any, *row: Any, has_history: bool) -> None:
        assert has_history
        self.rows.append(row)


@pytest.fixture
def recorded() -> tuple[Predictor, Written]:
    serving, metrics, written = Serving(), Metrics(lambda: 0, lambda: 0), Written()
    serving.model = three_inputs()
    metrics.model_loaded(None, serving.model)
    records: Any = written
    histories = Histories(Settings(), metrics)
    return Predictor(serving, metrics, metrics.drift, records, histories), written


def test_one_record_is_kept_for_each_transaction_that_was_scored(
    recorded: tuple[Predictor, Written],
) -> None:
    predictor, written = recorded

    async def send() -> None:
        await predictor.predict(json.dumps(FULL).encode(), RequestContext("first", "alice"))
        await predictor.predict_batch(
            json.dumps(batch(WORSE, FULL)).encode(), RequestContext("second", "bob")
        )
        await predictor.predict(b"{}", RequestContext("third"))
        await predictor.predict_batch(
            json.dumps(batch(FULL, {})).encode(), RequestContext("fourth")
        )

    asyncio.run(send())
    assert written.rows == [
        ("first", "alice", [0.25, 0.5, "FR"], 0.75, 0, ""),
        ("second", "bob", [0.0, None, "DE"], 0.0, 0, ""),
        ("second", "bob", [0.25, 0.5, "FR"], 0.75, 1, ""),
    ]

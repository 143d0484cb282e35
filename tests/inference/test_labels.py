"""POST /labels: each kind of label has one defined effect, and is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.tokens import new_token
from tests.inference.calls import Caller
from tests.inference.models import raw_model
from tests.inference.sending import probability, sent

KNOWN = "2026-03-09T12:00:00Z"
"""Seven days after the transactions of these tests: the label delay."""


def label(id_: str, *, fraud: bool = True, known_at: str = KNOWN) -> dict[str, Any]:
    return {"transaction_id": id_, "fraud": fraud, "known_at": known_at}


def results(raw: Caller, *labels: dict[str, Any]) -> list[tuple[str, bool]]:
    answer = raw.post("/labels", {"labels": list(labels)})
    assert answer.status_code == 200, answer.text
    return [(each["result"], each["late"]) for each in answer.json()["results"]]


def test_a_label_counts_from_the_delay_after_its_transaction_on(raw: Caller) -> None:
    probability(raw, sent("a"))
    assert results(raw, label("a")) == [("recorded", False)]

    before, after = "2026-03-09T11:59:59Z", "2026-03-09T12:00:00Z"
    assert probability(raw, sent("b", card="c2") | {"time": before}) == 0.1
    assert probability(raw, sent("c", card="c3") | {"time": after}) == 0.6


def test_a_label_that_is_repeated_reversed_or_unknown(raw: Caller) -> None:
    probability(raw, sent("a"))

    assert results(raw, label("a"), label("b")) == [
        ("recorded", False),
        ("unknown", False),
    ]
    assert results(raw, label("a")) == [("repeated", False)]
    assert results(raw, label("a", fraud=False)) == [("reversed", False)]
    after = sent("c", card="c3") | {"time": "2026-03-09T12:00:00Z"}
    assert probability(raw, after) == 0.1
    samples = raw.samples()
    assert {
        kind: samples[f"fraud_labels_total{{result={kind}}}"]
        for kind in ("recorded", "repeated", "reversed", "unknown")
    } == {"recorded": 1, "repeated": 1, "reversed": 1, "unknown": 1}


def test_opposite_labels_in_one_request_both_have_no_effect(raw: Caller) -> None:
    probability(raw, sent("a"))

    assert results(raw, label("a"), label("a", fraud=False)) == [("contradictory", False)] * 2
    assert results(raw, label("a")) == [("recorded", False)]


def test_a_label_from_the_future_is_impossible(raw: Caller) -> None:
    probability(raw, sent("a"))

    assert results(raw, label("a", known_at="2099-01-01T00:00:00Z")) == [("impossible", False)]


def test_a_label_may_be_known_since_the_year_1(raw: Caller) -> None:
    probability(raw, sent("a"))

    assert results(raw, label("a", known_at="0001-01-01T00:00:00+14:00")) == [("recorded", False)]


def test_a_label_later_than_the_delay_counts_and_is_counted_as_late(raw: Caller) -> None:
    probability(raw, sent("a"))

    assert results(raw, label("a", known_at="2026-03-09T12:00:01Z")) == [("recorded", True)]
    assert results(raw, label("a", known_at="2026-04-09T12:00:01Z")) == [("repeated", False)]
    assert raw.samples()["fraud_labels_late_total"] == 1


def test_one_label_needs_no_list(raw: Caller) -> None:
    probability(raw, sent("a", transaction_id=17))

    assert raw.post("/labels", {"transaction_id": 17, "fraud": True, "known_at": KNOWN}).json() == {
        "results": [{"transaction_id": "17", "result": "recorded", "late": False}]
    }


@pytest.mark.parametrize(
    ("body", "location", "message"),
    [
        (b"{", ["body"], "Invalid JSON"),
        (b"[]", ["body"], "Input should be an object"),
        (b'{"labels":[]}', ["body", "labels"], "List should have at least 1 item"),
        (b'{"transaction_id":"a"}', ["body", "fraud"], "Field required"),
        (b'{"transaction_id":"a","fraud":1}', ["body", "fraud"], "Input should be a valid boolean"),
        (
            b'{"transaction_id":"a","fraud":true,"known_at":5}',
            ["body", "known_at"],
            "should be text in ISO 8601",
        ),
        (
            b'{"transaction_id":"a","fraud":true,"known_at":"2026-03-09T12:00:00"}',
            ["body", "known_at"],
            "Input should have timezone info",
        ),
        (
            b'{"labels":[{"transaction_id":"a","fraud":true,"card":"4111"}]}',
            ["body", "labels", 0, "card"],
            "Extra inputs are not permitted",
        ),
    ],
)
def test_what_is_no_label_is_refused_by_its_field(
    raw: Caller, body: bytes, location: list[str | int], message: str
) -> None:
    answer = raw.post("/labels", body)

    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert error["loc"] == location
    assert message in error["msg"]
    assert "4111" not in answer.text


def test_a_request_has_at_most_as_many_labels_as_a_batch_has_rows(caller: Caller) -> None:
    caller.serve(raw_model(max_rows=2))

    answer = caller.post("/labels", {"labels": [label(str(number)) for number in range(3)]})

    assert answer.status_code == 422
    assert "send at most 2 labels at once" in answer.text


def test_of_many_invalid_labels_the_first_is_named(raw: Caller) -> None:
    answer = raw.post("/labels", {"labels": [{}] * 900})

    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["body", "labels", 0, "transaction_id"],
        ["body", "labels", 0, "fraud"],
    ]


def test_hostile_bodies_are_refused_before_they_are_parsed(raw: Caller) -> None:
    for body in (
        b'{"labels":[' + b"{}," * 100_000 + b"{}]}",
        b'{"a":1' + b',"b":1' * 100_000 + b"}",
    ):
        answer = raw.post("/labels", body)
        assert answer.status_code == 422
        assert "send at most 1000 labels at once" in answer.text


def test_labels_and_histories_need_tokens_with_their_scope(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    tokens, lines = {}, []
    for name, scope in (("pay", "predict"), ("back", "labels"), ("analyst", "history")):
        token, line = new_token(name, [scope])  # type: ignore[list-item]
        tokens[name] = f"Bearer {token}"
        lines.append(line)
    (tmp_path / "tokens").write_text("\n".join(lines))
    raw = make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tmp_path / "tokens")).serve(raw_model())

    allowed = {
        name: [
            raw.post("/predict", sent("a"), authorization=token).status_code,
            raw.post("/labels", label("a"), authorization=token).status_code,
            raw.get("/entities/card/c1", authorization=token).status_code,
        ]
        for name, token in tokens.items()
    }

    assert allowed == {"pay": [200, 403, 403], "back": [403, 200, 403], "analyst": [403, 403, 200]}

"""The bytes of prediction records: what is stored for years must stay readable."""

from __future__ import annotations

import hashlib
import json

import pytest

from registry.model.record import PredictionRecord, inputs_sha256, record_line, record_start
from registry.model.scorer import Value

START = (
    '{"record":"prediction","model_version":7,"model_digest":"0a","threshold":0.5,'
    '"time":1777593600.25,"request_id":"payment-4711","row":2,"caller":"alice",'
    '"probability":0.10000000149011612,"decision":"approve",'
)
VALUES: list[Value] = [0.25, None, "é"]
HASH = hashlib.sha256('[0.25,null,"é"]'.encode()).hexdigest()


@pytest.mark.parametrize(
    ("transaction_id", "has_history", "start"),
    [
        ("", True, ""),
        ("payment-9", True, '"transaction_id":"payment-9",'),
        ("payment-9", False, '"transaction_id":"payment-9","history":"missing",'),
    ],
)
@pytest.mark.parametrize(
    ("names", "end"),
    [
        (("amount", "age", "country"), '"inputs":{"amount":0.25,"age":null,"country":"é"}}\n'),
        (None, f'"inputs_sha256":"{HASH}"}}\n'),
    ],
)
def test_the_bytes_of_a_record(
    names: tuple[str, ...] | None, end: str, transaction_id: str, has_history: bool, start: str
) -> None:
    line = record_line(
        record_start(7, "0a", 0.5),
        time=1777593600.25,
        request_id="payment-4711",
        row=2,
        caller="alice",
        probability=0.10000000149011612,
        decision="approve",
        transaction_id=transaction_id,
        has_history=has_history,
        values=VALUES,
        names=names,
    )
    assert line.decode() == START + start + end
    absent = {"inputs" if names is None else "inputs_sha256"}
    absent |= set() if transaction_id else {"transaction_id"}
    absent |= {"history"} if has_history else set()
    assert list(json.loads(line)) == [
        name for name in PredictionRecord.__annotations__ if name not in absent
    ]


def test_the_same_inputs_have_the_same_hash_and_others_another() -> None:
    assert inputs_sha256([1.0, "é"]) == hashlib.sha256('[1.0,"é"]'.encode()).hexdigest()
    assert inputs_sha256([1.0]) == inputs_sha256([1.0])
    assert inputs_sha256([1.0]) != inputs_sha256([1.0000001])
    assert inputs_sha256([None]) != inputs_sha256(["null"])

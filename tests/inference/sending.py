"""Sending transactions to a service that computes their features."""

from __future__ import annotations

from typing import Any

from tests.inference.calls import Caller
from tests.inference.models import RAW


def sent(id_: str, time: str = "12:00:00", **changed: Any) -> dict[str, Any]:
    """The transaction with another id, at a time of 2 March 2026."""
    return {**RAW, "transaction_id": id_, "time": f"2026-03-02T{time}Z", **changed}


def probability(raw: Caller, transaction: dict[str, Any], query: str = "") -> float:
    answer = raw.post(f"/predict{query}", transaction)
    assert answer.status_code == 200, answer.text
    return round(float(answer.json()["probability"]), 6)

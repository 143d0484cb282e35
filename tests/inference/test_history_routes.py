"""GET /entities/{kind}/{id}: what an analyst sees of a card or a shop."""

from __future__ import annotations

from tests.inference.calls import Caller
from tests.inference.sending import probability, sent


def test_a_history_is_shown_newest_first_with_its_labels(raw: Caller) -> None:
    probability(raw, sent("a", "12:00:00", amount=1.25))
    probability(raw, sent("b", "12:00:01.5", amount=3.0))
    raw.post("/labels", {"transaction_id": "a", "fraud": True})

    assert raw.get("/entities/card/c1").json() == {
        "kind": "card",
        "id": "c1",
        "transactions": [
            {"time": "2026-03-02T12:00:01.500000+00:00", "amount": 3.0, "fraud": None},
            {"time": "2026-03-02T12:00:00+00:00", "amount": 1.25, "fraud": True},
        ],
    }
    assert len(raw.get("/entities/shop/s1?limit=1").json()["transactions"]) == 1


def test_an_id_may_contain_a_slash(raw: Caller) -> None:
    probability(raw, sent("a", card="c/1"))

    assert raw.get("/entities/card/c%2F1").json()["id"] == "c/1"


def test_what_is_not_known_is_not_found(raw: Caller) -> None:
    assert raw.get("/entities/card/c9").json() == {"detail": "no transaction of this card is kept"}
    unknown = raw.get("/entities/device/d1")
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"detail": "unknown kind; there are card, shop"},
    )
    assert raw.get("/entities/card/c1?limit=0").status_code == 422

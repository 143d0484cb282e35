from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np

from monitoring.document import look_document, proposal
from monitoring.live import Look, look_at
from registry.ledger.chain import Ledger, Link
from tests.monitoring.promises import drawn, joined, promise
from tests.registry.entries import promote

UNTIL = datetime(1970, 4, 1, tzinfo=UTC)
FIRST = promote("a")
SECOND = promote("b", FIRST)


def look(version: int, *, keeps: bool) -> Look:
    served = drawn(days=30, seed=3)
    labels = served.labels if keeps else np.zeros_like(served.labels)
    served = type(served)(**{**vars(served), "labels": labels})
    found = look_at(promise(version), joined(served, version), UNTIL, alpha=0.05, resamples=20)
    assert found is not None
    return found


def test_the_document_of_a_look_is_json_and_always_the_same() -> None:
    content = look_document(look(2, keeps=True))

    document = json.loads(content)
    assert content == look_document(look(2, keeps=True))
    assert (document["version"], document["until"]) == (2, "1970-04-01T00:00:00+00:00")
    assert document["whole"]["transactions"] == 6000
    assert document["days"]["1970-01-30"]["measures"].keys() >= {"budget_precision"}
    assert document["test"]["alarm_day"] is None


def test_a_proposal_names_the_command_and_what_speaks_for_it() -> None:
    page = proposal(look(2, keeps=False), Ledger((Link(1, FIRST), Link(2, SECOND)), ()))

    assert page is not None
    assert "# Proposal: roll back version 2" in page
    assert "$ registry rollback --to 1 --reason 'precision at the alert budget is below" in page
    assert "| precision live, all days together | 0.0000 |" in page
    assert "| first day of the alarm | 1970-01-0" in page


def test_a_first_model_has_none_before_it() -> None:
    page = proposal(look(1, keeps=False), Ledger((Link(1, FIRST),), ()))

    assert page is not None
    assert "No other model was in Production before" in page


def test_nothing_is_proposed_for_a_kept_promise_nor_for_a_model_that_is_not_in_force() -> None:
    both = Ledger((Link(1, FIRST), Link(2, SECOND)), ())

    assert proposal(look(2, keeps=True), both) is None
    assert proposal(look(1, keeps=False), both) is None
    assert proposal(look(9, keeps=False), both) is None

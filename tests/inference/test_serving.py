"""What is served now, and how sure it is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from inference import serving
from inference.serving import Serving
from tests.inference.models import three_inputs


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(serving, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def test_at_first_nothing_is_served_because_it_is_being_loaded() -> None:
    state = Serving()
    assert state.model is None
    assert state.not_ready == "the model is being loaded"


def test_without_a_model_the_last_problem_is_the_reason() -> None:
    state = Serving()
    state.problem = "reading the ledger: no answer"
    assert state.not_ready == "reading the ledger: no answer"


def test_with_a_model_a_problem_alone_does_not_take_it_out() -> None:
    state = Serving()
    state.model = three_inputs()
    state.problem = "reading the ledger: no answer"
    assert state.not_ready == ""


def test_a_process_that_is_shutting_down_is_not_ready() -> None:
    state = Serving()
    state.model, state.draining = three_inputs(), True
    assert state.not_ready == "the process is shutting down"


def test_the_lag_grows_from_the_start_and_again_from_each_confirmation(clock: Clock) -> None:
    state = Serving()
    clock.now += 3
    assert state.lag_seconds == 3
    state.confirm()
    assert (state.lag_seconds, state.problem) == (0, "")
    clock.now += 40
    assert state.lag_seconds == 40


def test_without_polling_a_confirmation_does_not_age(clock: Clock) -> None:
    state = Serving(follows=False)
    clock.now += 3
    assert state.lag_seconds == 3
    state.confirm()
    clock.now += 1000
    assert state.lag_seconds == 0


def test_past_the_limit_it_is_not_ready_until_the_ledger_confirms_again(clock: Clock) -> None:
    state = Serving(max_lag_seconds=60)
    state.model = three_inputs()
    state.confirm()
    clock.now += 60
    assert state.not_ready == ""
    state.problem = "reading the ledger: no answer"
    clock.now += 1
    assert state.not_ready == (
        "the ledger has not confirmed this model for 61 s (FRAUD_MAX_LAG_SECONDS=60): "
        "reading the ledger: no answer"
    )
    state.confirm()
    assert state.not_ready == ""

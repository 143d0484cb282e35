"""The gap between training and evaluation, against the longest label delay that anybody names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.gates.leakage import Leakage, LeakageMeasured
from registry.model.contract import Window
from registry.provenance.facts import UNKNOWN, Fact, Provenance
from tests.candidates import contract
from tests.registry.graphs import first_input, scorer_of
from tests.registry.trials import rows_of, scored, small_trial

START = datetime(2026, 4, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def model(gap: timedelta, delay_days: float = 7) -> ScoredModel:
    """A model whose training ended `gap` before the evaluation starts."""
    window = Window(start=datetime(2025, 1, 1, tzinfo=UTC), end=START - gap)
    changed = {"training_window": window, "delay_days": delay_days}
    described = contract(("amount",)).model_copy(update=changed)
    return scored([0.9, 0.1], scorer_of(first_input(), described))


def trial(
    candidate: ScoredModel,
    production: ScoredModel | None = None,
    *,
    delay_days: float = 7,
    provenance: Provenance = UNKNOWN,
) -> Trial:
    rows = rows_of([1, 0], start=START, delay_days=delay_days)
    return small_trial(rows, candidate, production, provenance=provenance)


def verdicts(trial: Trial) -> list[tuple[str, float, float, bool]]:
    gate = Leakage()
    found = gate.verdicts(gate.measure(trial))
    return [(one.gate, one.measured, one.bound, one.passed) for one in found]


def test_a_gap_of_exactly_the_delay_passes() -> None:
    assert verdicts(trial(model(timedelta(days=7)))) == [("leakage.candidate", 7, 7, True)]


def test_a_second_less_fails() -> None:
    ((_, gap, _, passed),) = verdicts(trial(model(timedelta(days=7) - SECOND)))
    assert gap == pytest.approx(7 - 1 / 86_400)
    assert not passed


def test_an_evaluation_inside_the_training_window_fails() -> None:
    assert verdicts(trial(model(timedelta(days=-3)))) == [("leakage.candidate", -3, 7, False)]


@pytest.mark.parametrize(("gap", "passed"), [(SECOND, True), (timedelta(0), False)])
def test_without_a_delay_the_evaluation_still_starts_after_the_training(
    gap: timedelta, passed: bool
) -> None:
    found = verdicts(trial(model(gap, delay_days=0), delay_days=0))
    assert [one[3] for one in found] == [passed]


@pytest.mark.parametrize(
    ("of_rows", "of_candidate", "of_production"), [(9, 1, 2), (1, 9, 2), (1, 2, 9)]
)
def test_the_longest_delay_of_rows_candidate_and_production_counts(
    of_rows: float, of_candidate: float, of_production: float
) -> None:
    candidate = model(timedelta(days=8), of_candidate)
    production = model(timedelta(days=9), of_production)
    assert verdicts(trial(candidate, production, delay_days=of_rows)) == [
        ("leakage.candidate", 8, 9, False),
        ("leakage.Production", 9, 9, True),
    ]


def test_productions_training_may_not_reach_into_the_evaluation_either() -> None:
    found = verdicts(trial(model(timedelta(days=30)), model(timedelta(days=6))))
    assert found == [("leakage.candidate", 30, 7, True), ("leakage.Production", 6, 7, False)]


ATTESTED = Provenance((Fact(name="window", value="", by="the training job's key"),))
TRAINED = "2025-01-01 to 2026-03-24"
CLAIMED = f"claimed window {TRAINED}: days from the end of training, as its author says"
SIGNED = f"attested window {TRAINED}: days from the end of training, as the training job signed"


def sealed(before: timedelta) -> Provenance:
    """Bytes that were fixed so long before the evaluation starts."""
    return replace(ATTESTED, sealed_at=START - before)


def only(gate: Leakage, trial: Trial) -> tuple[float, bool, str]:
    (verdict,) = gate.verdicts(gate.measure(trial))
    return verdict.measured, verdict.passed, verdict.note


def test_a_window_that_only_its_author_states_says_so() -> None:
    found = trial(model(timedelta(days=8)))
    assert only(Leakage(), found) == (8, True, CLAIMED)
    assert only(Leakage(at_least="attested"), found) == (
        8,
        False,
        f"{CLAIMED}; the policy requires at least: attested",
    )


def test_a_window_that_the_training_job_signed_counts() -> None:
    found = trial(model(timedelta(days=8)), provenance=ATTESTED)
    assert only(Leakage(at_least="attested"), found) == (8, True, SIGNED)
    assert not only(Leakage(at_least="sealed"), found)[1]


def test_bytes_that_were_fixed_before_the_rows_came_into_being_count_most() -> None:
    found = trial(model(timedelta(days=100)), provenance=sealed(timedelta(days=9)))
    assert only(Leakage(at_least="sealed"), found) == (
        9,
        True,
        "sealed: days from when the model's bytes were fixed; trained on 2025-01-01 to 2025-12-22",
    )


def test_bytes_that_were_fixed_less_than_the_delay_before_are_not_sealed() -> None:
    found = trial(model(timedelta(days=8)), provenance=sealed(timedelta(days=6)))
    assert only(Leakage(), found) == (8, True, SIGNED)


def test_what_is_known_of_production_is_said_and_does_not_block() -> None:
    found = trial(
        model(timedelta(days=8)),
        model(timedelta(days=8)),
        provenance=ATTESTED,
    )
    gate = Leakage(at_least="attested")
    notes = [(one.passed, one.note) for one in gate.verdicts(gate.measure(found))]
    assert notes == [(True, SIGNED), (True, CLAIMED)]


def test_a_verdict_says_whose_gap_it_is_and_which_window_is_claimed() -> None:
    found = LeakageMeasured(
        candidate_days=9162,
        candidate_basis="claimed",
        candidate_window="2001-01-01 to 2001-03-01",
        production_days=None,
        production_basis=None,
        production_window=None,
        delay_days=7,
    )
    (verdict,) = Leakage().verdicts(found)
    assert verdict.asks == (
        "the evaluation starts after the training window and the label delay, of candidate"
    )
    assert verdict.note == (
        "claimed window 2001-01-01 to 2001-03-01: days from the end of training, as its author says"
    )


def test_a_window_in_the_future_fails_and_is_shown() -> None:
    found = Leakage().measure(trial(model(timedelta(days=-400)), model(timedelta(days=30))))
    assert (found.candidate_window, found.production_window) == (
        "2025-01-01 to 2027-05-06",
        "2025-01-01 to 2026-03-02",
    )
    assert [one.passed for one in Leakage().verdicts(found)] == [False, True]

"""A plan that must have been in the ledger before the evaluation."""

from __future__ import annotations

from datetime import UTC, datetime

from registry.evaluation.gates.gate import Verdict
from registry.evaluation.gates.plan import Planned
from registry.ledger.statement import PlanRef
from tests.registry.trials import rows_of, scored, small_trial

PLAN = PlanRef(sequence=3, statement="d" * 64, approved_at=datetime(2026, 5, 1, tzinfo=UTC))


def verdict(plan: PlanRef | None, evaluated_before: str = "") -> Verdict:
    trial = small_trial(
        rows_of([1, 0]), scored([0.9, 0.1]), plan=plan, evaluated_before_plan=evaluated_before
    )
    (found,) = Planned().verdicts(Planned().measure(trial))
    return found


def test_a_plan_that_came_first_passes() -> None:
    found = verdict(PLAN)
    assert (found.gate, found.passed, found.measured, found.note) == ("plan", True, 0.0, "entry 3")


def test_without_a_plan_it_fails() -> None:
    found = verdict(None)
    assert (found.passed, found.measured, found.bound) == (False, 1.0, 0.0)
    assert found.note == (
        "there is no plan of this candidate, policy and rows; run `registry plan` before the next "
        "evaluation"
    )


def test_a_plan_after_an_evaluation_fails() -> None:
    found = verdict(PLAN, "4f2a")
    assert not found.passed
    assert found.note == "its plan (entry 3) came after an evaluation (run 4f2a)"

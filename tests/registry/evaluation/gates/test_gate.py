"""What all gates have in common: verdicts, gates run again on stored evidence, first promotions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from registry.evaluation.gates.gate import Gate, ScoredModel, Trial, Verdict
from registry.evaluation.gates.plan import Planned
from registry.evaluation.gates.provenance import ProvenanceVerified
from registry.evaluation.gates.without_history import WithoutHistory
from registry.evaluation.policy import GATES, Policy, read_policy
from registry.evaluation.rows import encode_frame, read_rows
from registry.ledger.statement import PlanRef
from registry.model.scorer import open_model
from tests.candidates import NAMES, RUN_TAGS, files_of, numbers, saved_model, write_evaluation_rows
from tests.registry.trials import decided, ends, measure, part, verified_origin
from tests.world import POLICY

FAILING: dict[str, dict[str, Any]] = {
    "floor": {"candidate": measure(0.4)},
    "no_worse": {
        "candidate": measure(0.6),
        "production": measure(0.9),
        "intervals": {"average_precision": ends(-0.3, -0.4, -0.2)},
        "resamples": 200,
        "clustered": False,
        "independent_frauds": 120,
        "earlier_looks": 0,
    },
    "decisions": {
        "threshold": 1.0,
        "candidate": decided(0.0),
        "production": None,
        "intervals": {},
        "alert_budget_per_day": 5,
        "independent_frauds": 120,
        "earlier_looks": 0,
    },
    "slices": {"slices": [part("day 1", -0.9, 0.1)], "too_small": 0},
    "calibration": {"candidate": 0.3},
    "leakage": {
        "candidate_days": 1.0,
        "candidate_basis": "attested",
        "candidate_window": "2026-01-01 to 2026-03-31",
        "production_days": 40.0,
        "production_basis": "claimed",
        "production_window": "2025-01-01 to 2026-02-20",
        "delay_days": 7.0,
    },
    "provenance": {
        "facts": [{"name": "authors", "value": "github:alice", "by": "", "reason": "a tag"}],
    },
    "plan": {"sequence": None, "evaluated_before": ""},
    "contract": {"compared": True, "breaks": ["input amount is gone"], "beyond_limits": []},
    "invariance": {
        "rows": 400,
        "changed_scores": 34,
        "changed_decisions": 34,
        "changed_in": ["alone"],
    },
    "robustness": {"probed": 100, "invalid": 1, "flipped_share": 0.0},
    "without_history": {
        "average_precision": 0.1,
        "with_history": 0.7,
        "alerts_per_day": 4.0,
        "alert_budget_per_day": 5,
        "features": 12,
    },
    "latency": {"candidate_p99_us": 500.0, "production_p99_us": 1.0},
    "integrity": {
        "problems": ["file a is not known"],
        "model_bytes": 10,
        "parity_difference": 0.0,
        "parity_rows": 400,
        "evaluation_rows": 400,
        "reference_difference": 0.0,
        "reference_rows": 400,
    },
    "lineage": {
        "run_status": "FAILED",
        "git_commit": "",
        "git_dirty": "",
        "data_sha256": "",
        "requirements_sha256": "",
        "claimed": [],
    },
}
"""Measurements of each gate that fail under `policy`."""


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The tests' policy, which here requires verified authors and a plan."""
    policy = read_policy(POLICY)
    stricter: dict[str, Gate] = {
        "provenance": ProvenanceVerified(verified=("authors",)),
        "plan": Planned(),
        "without_history": WithoutHistory(
            min_average_precision=0.2, max_alerts_per_day_to_budget=4
        ),
    }
    return policy.model_copy(update={"gates": {**policy.gates, **stricter}})


def with_requirement(policy: Policy, name: str, *, required: bool) -> Any:
    return policy.gates[name].model_copy(update={"required": required})


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> Trial:
    """Two real models on real rows: Production is better, and all other gates pass."""
    folder = tmp_path_factory.mktemp("trial")
    rows = read_rows(write_evaluation_rows(folder / "rows.parquet"))
    models: list[ScoredModel] = []
    for quality in (0.5, 1.0):
        files = files_of(saved_model(quality))
        scorer = open_model(files)
        models.append(ScoredModel(files, scorer, scorer.score(rows.encoded(scorer.contract))))
    candidate, production = models
    parity = pd.DataFrame(numbers(), columns=list(NAMES))
    encoded = encode_frame(parity, candidate.scorer.contract)
    parity["probability"] = candidate.scorer.score_one_by_one(encoded)
    return Trial(
        rows=rows,
        costs=policy.costs_of(candidate.scorer.contract),
        candidate=candidate,
        production=production,
        parity=parity.to_parquet(),
        run_status="FINISHED",
        provenance=verified_origin(RUN_TAGS),
        plan=PlanRef(sequence=1, statement="f" * 64, approved_at=datetime(2026, 3, 31, tzinfo=UTC)),
        file_problems=(),
    )


@pytest.mark.parametrize("name", GATES)
def test_evidence_that_was_kept_as_json_gets_the_same_verdicts(
    policy: Policy, trial: Trial, name: str
) -> None:
    gate = policy.gates[name]
    measured = gate.measure(trial)
    kept = json.loads(json.dumps(measured.model_dump(mode="json")))
    verdicts = gate.verdicts_from(kept)
    assert verdicts == gate.verdicts(measured)
    assert {one.gate.split(".")[0] for one in verdicts} == {name}


def test_of_a_worse_candidate_on_a_sound_trial_only_the_comparisons_fail(
    policy: Policy, trial: Trial
) -> None:
    verdicts = [one for gate in policy.gates.values() for one in gate.verdicts(gate.measure(trial))]
    assert [one.gate for one in verdicts if one.blocks] == ["no_worse.average_precision"]


@pytest.mark.parametrize("name", GATES)
def test_a_failing_gate_blocks_where_it_is_required_and_only_there(
    policy: Policy, name: str
) -> None:
    required = with_requirement(policy, name, required=True).verdicts_from(FAILING[name])
    advisory = with_requirement(policy, name, required=False).verdicts_from(FAILING[name])
    failed = [one.gate for one in required if one.blocks]
    assert len(failed) == 1
    assert [one.gate for one in advisory if not one.passed] == failed
    assert [one.gate for one in advisory if one.blocks] == []


@pytest.mark.parametrize("name", GATES)
def test_measurements_with_a_field_too_many_or_too_few_are_refused(
    policy: Policy, name: str
) -> None:
    gate, recorded = policy.gates[name], FAILING[name]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        gate.verdicts_from({**recorded, "passed": True})
    first = next(iter(recorded))
    with pytest.raises(ValidationError, match="Field required"):
        gate.verdicts_from({key: value for key, value in recorded.items() if key != first})


def test_a_measurement_that_is_no_number_is_refused(policy: Policy) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        policy.gates["calibration"].verdicts_from({"candidate": float("nan")})


@pytest.mark.parametrize(
    ("name", "recorded", "note"),
    [
        (
            "no_worse",
            {**FAILING["no_worse"], "production": None, "intervals": {}},
            "nothing is in Production yet to compare with",
        ),
        ("slices", {"slices": [], "too_small": 0}, "nothing to compare with"),
        (
            "contract",
            {"compared": False, "breaks": [], "beyond_limits": []},
            "nothing is in Production yet to compare with",
        ),
        (
            "latency",
            {"candidate_p99_us": 500.0, "production_p99_us": None},
            "candidate 500 µs; nothing to compare with",
        ),
    ],
)
def test_a_first_promotion_has_nothing_to_compare_with_and_says_so(
    policy: Policy, name: str, recorded: dict[str, Any], note: str
) -> None:
    verdict = policy.gates[name].verdicts_from(recorded)[0]
    assert verdict.passed
    assert verdict.measured == 0.0
    assert verdict.note == note


def test_a_first_promotion_measures_without_production(policy: Policy, trial: Trial) -> None:
    first = Trial(**{**vars(trial), "production": None})
    verdicts = [one for gate in policy.gates.values() for one in gate.verdicts(gate.measure(first))]
    assert [one.gate for one in verdicts if not one.passed] == []
    assert "leakage.Production" not in {one.gate for one in verdicts}


def verdict(*, passed: bool, required: bool, note: str = "") -> Verdict:
    return Verdict(
        gate="floor.roc_auc",
        asks="ROC AUC is at least 0.9",
        measured=0.85,
        bound=0.9,
        passed=passed,
        required=required,
        note=note,
    )


@pytest.mark.parametrize(
    ("passed", "required", "said"),
    [
        (True, True, "floor.roc_auc passed: 0.85 against 0.9"),
        (False, True, "floor.roc_auc FAILED: 0.85 against 0.9"),
        (False, False, "floor.roc_auc failed (advisory): 0.85 against 0.9"),
    ],
)
def test_a_verdict_is_said_in_one_line(passed: bool, required: bool, said: str) -> None:
    assert str(verdict(passed=passed, required=required)) == said


def test_a_verdict_says_its_note() -> None:
    said = str(verdict(passed=True, required=True, note="on 10 rows"))
    assert said == "floor.roc_auc passed: 0.85 against 0.9 (on 10 rows)"


@pytest.mark.parametrize("name", GATES)
def test_a_gate_says_what_it_asks_in_one_sentence(policy: Policy, name: str) -> None:
    sentence = str(policy.gates[name])
    assert " " in sentence
    assert "=" not in sentence
    assert sentence[-1] != "."

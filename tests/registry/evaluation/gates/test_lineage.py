"""How a candidate was made: each thing that training may have left out."""

from __future__ import annotations

import pytest

from registry.evaluation.gates.lineage import Lineage, LineageMeasured
from registry.provenance.facts import Fact, Provenance
from tests.candidates import RUN_TAGS
from tests.registry.trials import claimed_origin, rows_of, scored, small_trial

UNCOMMITTED = "the tree had uncommitted changes; commit them and train again"


def measured(tags: dict[str, str], status: str = "FINISHED") -> LineageMeasured:
    origin = claimed_origin(tags)
    trial = small_trial(rows_of([1, 0]), scored([0.9, 0.1]), provenance=origin, run_status=status)
    return Lineage().measure(trial)


def problems(found: LineageMeasured, gate: Lineage) -> str:
    """The problems in the note, beside which it says what is only claimed."""
    (verdict,) = gate.verdicts(found)
    problems, _, claimed = verdict.note.rpartition("claimed: ")
    assert claimed == "commit, code, data, environment"
    assert verdict.passed is (problems == "") is (verdict.measured == 0)
    return problems.removesuffix("; ")


def test_a_run_on_a_clean_tree_passes() -> None:
    assert problems(measured(RUN_TAGS), Lineage()) == ""


@pytest.mark.parametrize(
    ("tag", "value", "problem"),
    [
        ("git_commit", None, "no git commit was recorded"),
        ("git_commit", "a" * 39, "no git commit was recorded"),
        ("git_commit", "A" * 40, "no git commit was recorded"),
        ("git_commit", "a" * 40 + "\n", "no git commit was recorded"),
        ("git_dirty", None, UNCOMMITTED),
        ("git_dirty", "true", UNCOMMITTED),
        ("git_dirty", "", UNCOMMITTED),
        ("data_sha256", None, "no digest of the data was recorded"),
        ("data_sha256", "b" * 63, "no digest of the data was recorded"),
        ("requirements_sha256", None, "the environment's pins were not recorded"),
        ("requirements_sha256", "unknown", "the environment's pins were not recorded"),
    ],
)
def test_each_omission_fails_and_is_named(tag: str, value: str | None, problem: str) -> None:
    tags = {name: content for name, content in RUN_TAGS.items() if name != tag}
    if value is not None:
        tags[tag] = value
    assert problems(measured(tags), Lineage()) == problem


def test_what_is_verified_is_not_noted_as_claimed() -> None:
    values = {"commit": "a" * 40, "code": "b" * 64, "data": "c" * 64, "environment": "d" * 64}
    facts = tuple(
        Fact.model_validate({"name": name, "value": value, "by": "the training job's key"})
        for name, value in values.items()
    )
    trial = small_trial(rows_of([1, 0]), scored([0.9, 0.1]), provenance=Provenance(facts))

    (verdict,) = Lineage().verdicts(Lineage().measure(trial))

    assert (verdict.passed, verdict.note) == (True, "")


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "KILLED", "SCHEDULED"])
def test_a_run_that_did_not_finish_fails(status: str) -> None:
    assert problems(measured(RUN_TAGS, status), Lineage()) == (
        f"the training run is {status}, not FINISHED"
    )


def test_a_run_that_recorded_nothing_fails_for_four_reasons() -> None:
    (verdict,) = Lineage().verdicts(measured({}))
    assert (verdict.measured, verdict.bound) == (4, 0)


def test_a_policy_may_allow_uncommitted_changes_and_nothing_else() -> None:
    gate = Lineage(clean_tree=False)
    assert problems(measured({**RUN_TAGS, "git_dirty": "true"}), gate) == ""
    assert problems(measured({}), gate) == (
        "no git commit was recorded; no digest of the data was recorded; "
        "the environment's pins were not recorded"
    )


@pytest.mark.parametrize(
    ("clean_tree", "said"),
    [
        (True, "run finished, and commit, data and environment recorded; no uncommitted change"),
        (False, "run finished, and commit, data and environment recorded"),
    ],
)
def test_it_says_whether_it_asks_for_a_clean_tree(clean_tree: bool, said: str) -> None:
    assert str(Lineage(clean_tree=clean_tree)) == said

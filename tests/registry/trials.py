"""A trial of eight transactions on two days, small enough to compute by hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from registry.evaluation.evidence import ComparedWith, EvaluatedRows, Evidence
from registry.evaluation.gates.gate import ScoredModel, Trial
from registry.evaluation.isolated import RowScorer
from registry.evaluation.metrics import Costs, LabelledRows
from registry.evaluation.policy import Policy, read_policy
from registry.evaluation.rows import EvaluationRows
from registry.ledger.files import Files
from registry.ledger.manifest import Manifest
from registry.ledger.statement import CandidateRef, PolicyRef
from registry.model.contract import Window
from registry.model.scorer import open_model
from registry.provenance.collect import Claims, collect
from registry.provenance.facts import Provenance
from registry.provenance.trusted import NOTHING_TRUSTED
from tests.candidates import files_of, saved_model
from tests.registry.graphs import first_input, scorer_of

LABELS = np.array([1, 0, 0, 1, 1, 0, 0, 0], dtype=np.int8)
DAYS = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=np.int64)
AMOUNTS = np.array([100.0, 10, 10, 50, 200, 10, 10, 10])
CANDIDATE = np.array([0.9, 0.1, 0.2, 0.3, 0.8, 0.1, 0.1, 0.1], dtype=np.float32)
PRODUCTION = np.array([0.2, 0.7, 0.1, 0.3, 0.8, 0.1, 0.1, 0.1], dtype=np.float32)
SMALL_COSTS = Costs(budget_per_day=1, per_alert=5.0)
START, END = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 2, tzinfo=UTC)

POLICY = """
name: small
alert_budget_per_day: 1
alert_cost: 5
gates:
  floor: {average_precision: 0.4}
  no_worse: {margin: {budget_recall: 0.05}, better: [average_precision], resamples: 500}
  slices: {margin: 0.1, required: false}
  lineage: {}
"""


def policy_of(folder: Path, text: str = POLICY) -> Policy:
    """Write the policy where the evidence keeps it, and read it."""
    path = folder / "policy.yaml"
    path.write_text(text)
    return read_policy(path)


def trial_of(folder: Path, policy: Policy, *, first: bool = False) -> Trial:
    """Threshold 0.5 for the candidate, 0.25 for Production; none in Production where `first`."""
    if not (folder / "model").exists():
        shutil.copytree(saved_model(1.0), folder / "model")
    files, other = files_of(folder / "model"), files_of(saved_model(0.5, threshold=0.25))
    return Trial(
        rows=EvaluationRows(
            columns=pd.DataFrame({"amount": AMOUNTS}),
            labelled=LabelledRows(LABELS, DAYS, AMOUNTS),
            start=START,
            end=END,
            sha256="a" * 64,
            origin={},
        ),
        costs=policy.costs_of(open_model(files).contract),
        candidate=ScoredModel(files, open_model(files), CANDIDATE),
        production=None if first else ScoredModel(other, open_model(other), PRODUCTION),
        parity=b"",
        run_status="FINISHED",
        file_problems=(),
    )


def claimed_origin(tags: Mapping[str, str]) -> Provenance:
    """What is known of a candidate without an attestation: the tags of its run."""
    window = Window(start=START, end=END)
    claims = Claims(Manifest({}), window, tags, None, None, registered_at=END)
    return collect(claims, NOTHING_TRUSTED, {})


def verified_origin(tags: Mapping[str, str]) -> Provenance:
    """The same, as if all of it had been verified."""
    claimed = claimed_origin(tags)
    verified = {"by": "the test", "reason": ""}
    facts = tuple(fact.model_copy(update=verified) for fact in claimed.facts)
    return Provenance(facts, claimed.authors)


def rows_of(
    labels: Sequence[int] | NDArray[np.int8],
    *,
    days: NDArray[np.int64] | None = None,
    amounts: NDArray[np.float64] | None = None,
    clusters: NDArray[np.int64] | None = None,
    columns: pd.DataFrame | None = None,
    start: datetime = START,
    delay_days: float = 7,
) -> EvaluationRows:
    """EvaluatedRows of one day and of amount 1, where nothing else is said."""
    count = len(labels)
    return EvaluationRows(
        columns=pd.DataFrame({"amount": np.ones(count)}) if columns is None else columns,
        labelled=LabelledRows(
            np.asarray(labels, dtype=np.int8),
            np.zeros(count, dtype=np.int64) if days is None else days,
            np.ones(count) if amounts is None else amounts,
            clusters,
        ),
        start=start,
        end=start,
        sha256="a" * 64,
        origin={"delay_days": str(delay_days)},
    )


def small_trial(
    rows: EvaluationRows,
    candidate: ScoredModel,
    production: ScoredModel | None = None,
    *,
    costs: Costs = SMALL_COSTS,
    **changed: Any,
) -> Trial:
    """A trial of models that score as it is said, whatever their files would."""
    return replace(
        Trial(
            rows=rows,
            costs=costs,
            candidate=candidate,
            production=production,
            parity=b"",
            run_status="FINISHED",
            file_problems=(),
        ),
        **changed,
    )


def scored(
    scores: Sequence[float] | NDArray[np.float32],
    scorer: RowScorer | None = None,
    files: Files | None = None,
) -> ScoredModel:
    """A model with these scores; its scorer is `tests.registry.graphs.first_input` if not given."""
    return ScoredModel(
        files or Files({}), scorer or scorer_of(first_input()), np.asarray(scores, dtype=np.float32)
    )


def measure(average_precision: float) -> dict[str, float]:
    return {
        "average_precision": average_precision,
        "roc_auc": 0.9,
        "budget_precision": 0.5,
        "budget_recall": 0.5,
        "money_saved_per_day": 100.0,
    }


def decided(recall: float) -> dict[str, float]:
    """What happens at a threshold, other than the recall, as the gates want it."""
    return {
        "threshold_recall": recall,
        "threshold_alerts_per_day": 4.0,
        "threshold_money_saved_per_day": 100.0,
    }


def ends(difference: float, lower: float, upper: float) -> dict[str, float]:
    return {"difference": difference, "lower": lower, "upper": upper}


def part(name: str, difference: float, standard_error: float) -> dict[str, Any]:
    counts = {"transactions": 1000, "frauds": 20}
    return {"name": name, "difference": difference, "standard_error": standard_error, **counts}


def measurements_of(*, first: bool = False) -> dict[str, Any]:
    """What the gates of `POLICY` would have kept, where all of them pass."""
    intervals = {
        "average_precision": ends(0.1, 0.02, 0.2),
        "budget_recall": ends(1 / 3, 0.1, 0.6),
        "budget_precision": ends(0.5, -0.1, 0.9),
        "money_saved_per_day": ends(50.0, -120.0, -10.0),
    }
    return {
        "floor": {"candidate": measure(0.8)},
        "no_worse": {
            "candidate": measure(0.8),
            "production": None if first else measure(0.7),
            "intervals": {} if first else intervals,
            "resamples": 500,
            "clustered": False,
            "independent_frauds": 120,
            "earlier_looks": 0,
        },
        "slices": {"slices": [], "too_small": 0}
        if first
        else {"slices": [part("day 2", 0.1, 0.1), part("day 1", -0.2, 0.1)], "too_small": 3},
        "lineage": {
            "run_status": "FINISHED",
            "git_commit": "a" * 40,
            "git_dirty": "false",
            "data_sha256": "b" * 64,
            "requirements_sha256": "c" * 64,
            "claimed": [],
        },
    }


def evidence_of(
    policy: Policy, measurements: dict[str, Any], *, first: bool = False, **changed: Any
) -> Evidence:
    return Evidence(
        candidate=CandidateRef(version=7, run_id="run7"),
        authors=("git:alice@example.com",),
        compared_with=None if first else ComparedWith(version=3, statement="d" * 64),
        policy=PolicyRef(name=policy.name, sha256="e" * 64),
        rows=EvaluatedRows(
            sha256="a" * 64,
            origin={"dataset": "simulated", "delay_days": "7"},
            count=8,
            frauds=3,
            start=START,
            end=END,
        ),
        measurements=measurements,
        verdicts=policy.verdicts(measurements),
        evaluated_at=datetime(2026, 4, 20, 12, tzinfo=UTC),
        files={},
    ).model_copy(update=changed)

"""Attacks on evidence: of B, which was promoted, and of C, which is pending."""

from __future__ import annotations

import json

from registry.model.scorer import MODEL_FILE
from registry.tracking.names import EVIDENCE_FILE, POLICY_FILE, SCORES_FILE
from tests.registry.attacks.attack import (
    NO_PROBLEM,
    Attack,
)
from tests.registry.attacks.target import Target


def delete_evidence_run(target: Target) -> None:
    target.client.delete_run(str(target.version(2).run_id))


def rename_evidence_experiment(target: Target) -> None:
    run = target.client.get_run(str(target.version(2).run_id))
    target.client.rename_experiment(run.info.experiment_id, "elsewhere")


def edit_old_evidence(target: Target) -> None:
    target.put(target.evidence_folder(2), EVIDENCE_FILE, b"{}")


def edit_old_scores(target: Target) -> None:
    target.put(target.evidence_folder(2), SCORES_FILE, b"bytes")


def swap_old_policy(target: Target) -> None:
    target.put(target.evidence_folder(2), POLICY_FILE, b"name: lax")


def edit_pending_evidence(target: Target) -> None:
    """A measurement that is better than the one that was approved."""
    content = json.loads(target.get(target.pending_folder, EVIDENCE_FILE))
    content["measurements"]["floor"]["candidate"]["average_precision"] = 1.0
    target.put(target.pending_folder, EVIDENCE_FILE, json.dumps(content).encode())


def edit_pending_scores(target: Target) -> None:
    target.put(target.pending_folder, SCORES_FILE, b"bytes")


def swap_pending_model(target: Target) -> None:
    target.put(target.pending_folder, f"model/{MODEL_FILE}", b"bytes")


def add_to_pending_evidence(target: Target) -> None:
    target.put(target.pending_folder, "model/loader.py", b"import os")


def delete_from_pending_evidence(target: Target) -> None:
    target.remove(target.pending_folder, "report.md")


def swap_pending_policy(target: Target) -> None:
    target.put(target.pending_folder, POLICY_FILE, b"name: lax")


EVIDENCE = (
    Attack(
        "evidence run deleted",
        "B's, as MLflow deletes it: its files stay until `mlflow gc`",
        delete_evidence_run,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "evidence experiment renamed",
        "`fraud-detector-promotions`",
        rename_evidence_experiment,
        3,
        "evidence counts only in fraud-detector-promotions",
        promote="evidence counts only in fraud-detector-promotions",
    ),
    Attack(
        "evidence edited after its promotion",
        "B's `evidence.json`",
        edit_old_evidence,
        3,
        "is not the one that was approved",
    ),
    Attack(
        "scores edited after their promotion",
        "B's `scores.parquet`",
        edit_old_scores,
        3,
        "scores.parquet was changed",
    ),
    Attack(
        "policy swapped after its promotion",
        "B's `policy.yaml`",
        swap_old_policy,
        3,
        "policy.yaml was changed",
    ),
    Attack(
        "evidence edited after it was finished",
        "a better measurement into C's `evidence.json`",
        edit_pending_evidence,
        0,
        NO_PROBLEM,
        promote="is not the one that was approved",
    ),
    Attack(
        "scores edited after they were approved",
        "C's `scores.parquet`",
        edit_pending_scores,
        0,
        NO_PROBLEM,
        promote="scores.parquet was changed",
    ),
    Attack(
        "evaluated model swapped",
        "C's `model.onnx` in its evidence run",
        swap_pending_model,
        0,
        NO_PROBLEM,
        promote="model/model.onnx was changed",
    ),
    Attack(
        "file added to evidence",
        "`loader.py` into C's model in its evidence run",
        add_to_pending_evidence,
        0,
        NO_PROBLEM,
        promote="model/loader.py was added",
    ),
    Attack(
        "file deleted from evidence",
        "C's `report.md`",
        delete_from_pending_evidence,
        0,
        NO_PROBLEM,
        promote="report.md is missing",
    ),
    Attack(
        "policy swapped",
        "C's `policy.yaml`, for one with lower bounds",
        swap_pending_policy,
        0,
        NO_PROBLEM,
        promote="policy.yaml was changed",
    ),
)

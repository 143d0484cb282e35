"""Evaluating a candidate: the verdicts of the gates, and the evidence that is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from mlflow.entities import Run

from registry.errors import BytesMismatch, ContractError, NotFound, RegistryError, UsageError
from registry.evaluation.evidence import ComparedWith, Evidence, fetched_evidence, parse_reference
from registry.evaluation.gates.gate import Verdict
from registry.evaluation.rows import AMOUNT, LABEL, TIME, read_rows
from registry.ledger.manifest import sha256_of
from registry.lifecycle import evaluate
from registry.model.scorer import open_model
from registry.tracking.candidates import stage
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from tests.candidates import ORIGIN, register_candidate, saved_model, write_evaluation_rows
from tests.world import POLICY, World


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    return {verdict.gate: verdict for verdict in evidence.verdicts}


def failed(evidence: Evidence) -> list[str]:
    """The required gates that failed."""
    return [verdict.gate for verdict in evidence.blocking]


def evidence_runs(world: World) -> list[Run]:
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    return world.client.search_runs([experiment.experiment_id]) if experiment else []


def source_of(world: World, candidate: int) -> Path:
    version = world.client.get_model_version(CANDIDATES, str(candidate))
    return world.server.stored(str(version.source))


def refused_without_evidence(
    world: World, expected: type[RegistryError], message: str, evaluate: Callable[[], object]
) -> None:
    """The evaluation fails with this error, and leaves no run that could be approved."""
    before = {run.info.run_id for run in evidence_runs(world)}
    with pytest.raises(expected, match=message):
        evaluate()
    after = [run for run in evidence_runs(world) if run.info.run_id not in before]
    assert after == []


def test_a_good_first_candidate_passes_every_gate(world: World) -> None:
    _, evidence = world.evaluate(world.register())
    assert [(verdict.gate, verdict.passed) for verdict in evidence.verdicts] == [
        ("floor.average_precision", True),
        ("no_worse.average_precision", True),
        ("decisions.threshold_alerts_per_day", True),
        ("decisions.threshold_recall", True),
        ("decisions.threshold_money_saved_per_day", True),
        ("slices", True),
        ("calibration", True),
        ("leakage.candidate", True),
        ("contract", True),
        ("contract.limits", True),
        ("invariance", True),
        ("robustness.odd_input", True),
        ("robustness.tiny_change", True),
        ("latency.ratio", True),
        ("latency.size", True),
        ("integrity.files", True),
        ("integrity.parity", True),
        ("integrity.reference", True),
        ("lineage", True),
    ]
    assert [verdict.gate for verdict in evidence.verdicts if not verdict.required] == [
        "latency.ratio",
        "latency.size",
    ]
    assert evidence.measurements["floor"]["candidate"]["average_precision"] == 1.0
    assert evidence.measurements["integrity"]["parity_rows"] == 400
    assert (evidence.blocking, evidence.advisory) == ((), ())
    assert evidence.summary == "19 of 19 checks passed"


def test_the_first_evaluation_notes_that_there_is_nothing_to_compare_with(world: World) -> None:
    _, evidence = world.evaluate(world.register())
    note = verdicts(evidence)["no_worse.average_precision"].note
    assert note == "nothing is in Production yet to compare with"
    assert evidence.compared_with is None
    assert evidence.measurements["no_worse"]["production"] is None
    assert verdicts(evidence)["slices"].note == "nothing to compare with"


def test_the_evidence_records_candidate_policy_and_rows(world: World) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    _, evidence = world.evaluate(world.register())
    assert evidence.candidate.version == 1
    assert evidence.authors == ("git:carol@example.com", "github:carol")
    assert (evidence.policy.name, evidence.policy.sha256) == ("test", sha256_of(POLICY))
    assert evidence.rows.sha256 == sha256_of(world.rows)
    assert evidence.rows.origin["dataset"] == "test"
    assert (evidence.rows.count, evidence.rows.frauds) == (400, 35)
    assert evidence.rows.start == datetime(2026, 4, 1, tzinfo=UTC)
    assert evidence.rows.end == datetime(2026, 4, 10, 23, 24, tzinfo=UTC)
    assert before <= evidence.evaluated_at <= datetime.now(UTC)


def test_a_candidate_below_the_floor_fails_it(world: World) -> None:
    reference, evidence = world.evaluate(world.register(quality=0.0))
    assert failed(evidence) == ["floor.average_precision", "decisions.threshold_recall"]
    run = world.client.get_run(reference.split("@")[0])
    assert run.data.tags["verdict"] == "refused"
    assert run.data.metrics["floor.average_precision.passed"] == 0.0


def test_the_evidence_run_shows_the_verdict_to_people(world: World) -> None:
    reference, _ = world.evaluate(world.register())
    run = world.client.get_run(reference.split("@")[0])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "candidate-1"
    assert run.data.tags["candidate"] == "fraud-detector/1"
    assert run.data.tags["policy"] == "test"
    assert run.data.tags["verdict"] == "passed"
    assert run.data.metrics["floor.average_precision"] == 1.0
    assert run.data.metrics["integrity.parity.passed"] == 1.0
    assert run.data.tags["compared_with"] == "nothing"


def test_a_candidate_worse_than_production_fails_no_worse(world: World) -> None:
    head = world.put_in_production(quality=1.0)
    reference, evidence = world.evaluate(world.register(quality=0.05))
    run = world.client.get_run(reference.split("@")[0])
    assert run.data.tags["compared_with"] == head.statement.digest
    assert failed(evidence) == ["no_worse.average_precision", "decisions.threshold_recall"]
    assert verdicts(evidence)["no_worse.average_precision"].note.startswith("difference -0.3476, ")
    assert evidence.summary == "18 of 20 checks passed"
    assert evidence.compared_with == ComparedWith(version=1, statement=head.statement.digest)


def test_a_candidate_as_good_as_production_passes(world: World) -> None:
    world.put_in_production(quality=1.0)
    _, evidence = world.evaluate(world.register(quality=1.0))
    assert failed(evidence) == []
    assert verdicts(evidence)["no_worse.average_precision"].measured == 0.0


def test_a_candidate_that_takes_fewer_inputs_breaks_the_contract(world: World) -> None:
    world.put_in_production()
    number = register_candidate(world.client, names=("amount", "count_7d"))
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["contract"]
    assert verdicts(evidence)["contract"].note == "input risk_7d is gone"


def test_a_candidate_unlike_scikit_learn_fails_parity(world: World) -> None:
    _, evidence = world.evaluate(world.register(parity_offset=0.001))
    assert failed(evidence) == ["integrity.parity"]
    assert verdicts(evidence)["integrity.parity"].measured == pytest.approx(0.001, abs=1e-6)


def test_parity_without_rows_fails(world: World) -> None:
    number = world.register()
    path = source_of(world, number).parent / "parity" / "rows.parquet"
    pl.read_parquet(path).clear().write_parquet(path)
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["integrity.parity"]


def test_parity_with_a_probability_that_is_not_a_number_fails(world: World) -> None:
    number = world.register()
    path = source_of(world, number).parent / "parity" / "rows.parquet"
    pl.read_parquet(path).with_columns(probability=pl.lit(float("nan"))).write_parquet(path)
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["integrity.parity"]
    assert verdicts(evidence)["integrity.parity"].measured == 1.0


def test_the_staged_candidate_is_evaluated_by_that_name(world: World) -> None:
    world.register()
    number = world.register()
    stage(world.client, str(number))
    _, evidence = evaluate.evaluate(world.client, world.trust, "staging", world.rows, POLICY)
    assert evidence.candidate.version == 2


def test_the_policy_sets_alert_budget_and_alert_cost(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    number = world.register()
    recalls: list[float] = []
    saved: list[float] = []
    for budget in (1, 400):
        text = POLICY.read_text().replace("per_day: 5", f"per_day: {budget}")
        policy.write_text(text)
        _, evidence = evaluate.evaluate(world.client, world.trust, str(number), world.rows, policy)
        measured = evidence.measurements["floor"]["candidate"]
        recalls.append(measured["budget_recall"])
        saved.append(measured["money_saved_per_day"])
    assert recalls == [9 / 35, 1.0]
    # Ten days: one alert a day, and then forty; each costs 1.
    amounts = pl.read_parquet(world.rows).filter(pl.col(LABEL) == 1)[AMOUNT]
    assert saved[1] == pytest.approx(float(amounts.sum()) / 10 - 40)
    assert saved[0] < saved[1] + 40


def test_rows_that_are_not_parquet_leave_no_evidence(world: World) -> None:
    number = world.register()
    world.rows.write_text("amount,_label\n1,0\n")
    refused_without_evidence(
        world, UsageError, "is not a Parquet file", lambda: world.evaluate(number)
    )


def test_rows_without_labels_leave_no_evidence(world: World) -> None:
    number = world.register()
    pl.read_parquet(world.rows).drop(LABEL).write_parquet(world.rows)
    refused_without_evidence(
        world, UsageError, "has no column _label", lambda: world.evaluate(number)
    )


def test_rows_that_lack_an_input_leave_no_evidence(world: World) -> None:
    number = world.register()
    write_evaluation_rows(world.rows, ("amount", "count_7d"))
    refused_without_evidence(
        world, UsageError, "no column 'risk_7d'", lambda: world.evaluate(number)
    )


def test_rows_that_the_model_cannot_score_leave_no_evidence(world: World) -> None:
    number = world.register()
    frame = pl.read_parquet(world.rows)
    holes = pl.Series("count_7d", [None, np.nan, *frame["count_7d"][2:]], strict=False)
    frame.with_columns(holes).write_parquet(world.rows, metadata=ORIGIN)
    refused_without_evidence(
        world,
        ContractError,
        "the candidate model gives no probability for 2 of the 400 rows",
        lambda: world.evaluate(number),
    )


def test_an_invalid_policy_leaves_no_evidence(world: World, tmp_path: Path) -> None:
    number = world.register()
    (tmp_path / "policy.yaml").write_text("name: lax\n")
    refused_without_evidence(
        world,
        UsageError,
        "policy policy.yaml, line 1: alert_budget_per_day: Field required",
        lambda: evaluate.evaluate(
            world.client, world.trust, str(number), world.rows, tmp_path / "policy.yaml"
        ),
    )


def test_a_candidate_that_does_not_exist_leaves_no_evidence(world: World) -> None:
    refused_without_evidence(world, NotFound, "there is no candidate 7", lambda: world.evaluate(7))


def test_a_candidate_without_parity_rows_leaves_no_evidence(world: World) -> None:
    number = world.register()
    shutil.rmtree(source_of(world, number).parent / "parity")
    refused_without_evidence(world, RegistryError, "parity", lambda: world.evaluate(number))


def test_parity_rows_that_are_junk_fail_parity(world: World) -> None:
    number = world.register()
    (source_of(world, number).parent / "parity" / "rows.parquet").write_text("junk")
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["integrity.parity"]
    assert verdicts(evidence)["integrity.parity"].note == (
        "on 0 rows, 400 are needed; train with more test rows, or lower min_parity_rows"
    )


def test_a_file_changed_after_the_candidate_was_registered_fails_integrity(world: World) -> None:
    number = world.register()
    (source_of(world, number) / "requirements.txt").write_text("evil==1.0\n")
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["integrity.files"]
    assert verdicts(evidence)["integrity.files"].note == (
        "the files are not those whose digest was recorded at registration"
    )


def test_a_candidate_of_a_run_that_failed_and_of_a_dirty_tree_fails_lineage(world: World) -> None:
    number = world.register()
    run_id = str(world.client.get_model_version(CANDIDATES, str(number)).run_id)
    world.client.set_tag(run_id, "git_dirty", "true")
    world.client.set_terminated(run_id, "FAILED")
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["lineage"]
    assert verdicts(evidence)["lineage"].note == (
        "the training run is FAILED, not FINISHED; "
        "the tree had uncommitted changes; commit them and train again"
    )


def test_rows_from_inside_the_training_window_fail_leakage(world: World) -> None:
    number = world.register()
    frame = pl.read_parquet(world.rows)
    frame.with_columns(pl.col(TIME).dt.offset_by("-60d")).write_parquet(world.rows, metadata=ORIGIN)
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["leakage.candidate"]


def test_only_the_gates_in_the_policy_are_run(world: World, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "name: small\nalert_budget_per_day: 5\nalert_cost: 1\n"
        "gates: {floor: {roc_auc: 0.5}, lineage: {}}\n"
    )
    _, evidence = evaluate.evaluate(
        world.client, world.trust, str(world.register()), world.rows, policy
    )
    assert [verdict.gate for verdict in evidence.verdicts] == ["floor.roc_auc", "lineage"]
    assert list(evidence.measurements) == ["floor", "lineage"]


def test_the_evidence_holds_the_scores_of_every_row(world: World) -> None:
    world.put_in_production(quality=0.5)
    reference, _ = world.evaluate(world.register())
    with fetched_evidence(world.client, parse_reference(reference)) as fetched:
        scores = pl.read_parquet(fetched.folder / "scores.parquet")
    rows = read_rows(world.rows)
    assert scores.columns == [TIME, LABEL, "candidate", "production"]
    assert scores[LABEL].to_list() == rows.labelled.labels.tolist()
    for name, quality in (("candidate", 1.0), ("production", 0.5)):
        scorer = open_model(saved_model(quality))
        assert scores[name].to_list() == scorer.score(rows.encoded(scorer.contract)).tolist()


def test_a_candidate_without_a_contract_leaves_no_evidence(world: World) -> None:
    number = world.register()
    (source_of(world, number) / "MLmodel").write_text("flavors: {}\n")
    refused_without_evidence(
        world, ContractError, "no readable contract and signature", lambda: world.evaluate(number)
    )


def test_a_damaged_production_model_leaves_no_evidence(world: World) -> None:
    head = world.put_in_production()
    number = world.register()
    (world.server.stored(head.statement.entry.source) / "MLmodel").write_text("")
    refused_without_evidence(
        world, BytesMismatch, "MLmodel was changed", lambda: world.evaluate(number)
    )

"""Evaluating a candidate: the verdicts of the gates, and the evidence that is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir
from unittest.mock import Mock

import numpy as np
import onnx
import polars as pl
import pytest
import yaml
from mlflow.entities import Run
from psutil import Process  # type: ignore[import-untyped]

from registry.errors import (
    BytesMismatch,
    ContractError,
    NotFound,
    Refused,
    RegistryError,
    UsageError,
)
from registry.evaluation.evidence import ComparedWith, Evidence, fetch_evidence, parse_reference
from registry.evaluation.gates.gate import Verdict
from registry.evaluation.isolated import CHILD
from registry.evaluation.rows import AMOUNT, LABEL, TIME, read_rows
from registry.ledger.manifest import Manifest, sha256_of, sha256_of_bytes
from registry.lifecycle import evaluate, trial
from registry.model.scorer import open_model
from registry.tracking.candidates import stage
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from tests.candidates import (
    NAMES,
    ORIGIN,
    files_of,
    register_candidate,
    saved_model,
    write_evaluation_rows,
)
from tests.registry.graphs import deep_tree, doubling, looping, not_a_number, twice_as_many
from tests.swapping import swapped_once_opened
from tests.world import ALL_PASSED, POLICY, World


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
        ("integrity.files", True),
        ("integrity.size", True),
        ("integrity.parity", True),
        ("integrity.reference", True),
        ("lineage", True),
        ("provenance", True),
    ]
    assert [verdict.gate for verdict in evidence.verdicts if not verdict.required] == [
        "latency.ratio"
    ]
    assert evidence.measurements["floor"]["candidate"]["average_precision"] == 1.0
    assert evidence.measurements["integrity"]["parity_rows"] == 400
    assert (evidence.blocking, evidence.advisory) == ((), ())
    assert evidence.summary == ALL_PASSED


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
    assert evidence.summary == "19 of 21 checks passed; its origin is only claimed"
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


def test_a_file_changed_after_the_candidate_was_registered_leaves_no_evidence(
    world: World,
) -> None:
    number = world.register()
    (source_of(world, number) / "requirements.txt").write_text("evil==1.0\n")
    refused_without_evidence(
        world,
        Refused,
        r"^candidate 1 was not run, because of its files: requirements.txt: 'evil==1.0' is not .*; "
        "the files are not those whose digest was recorded at registration$",
        lambda: world.evaluate(number),
    )


def put(model: onnx.ModelProto) -> Callable[[Path], None]:
    """Replace a candidate's model."""
    return lambda folder: write_model(folder, model)


def write_model(folder: Path, model: onnx.ModelProto) -> None:
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def test_a_graph_that_is_not_allowed_is_never_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in a process of its own."""
    number = world.register_changed(put(looping()))
    monkeypatch.setattr(trial, "IsolatedScorer", Mock(side_effect=AssertionError))
    refused_without_evidence(
        world,
        Refused,
        "operator Loop is not known; model.onnx holds functions or sub-graphs$",
        lambda: world.evaluate(number),
    )


ADVISORY = "  integrity:\n    required: false\n"
"""Then a model is run whatever its files are; the limits hold all the same."""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (not_a_number(width=3), "the candidate model gives no probability for 400 of the 400 rows"),
        (
            twice_as_many(width=3),
            r"the candidate model: it returns the shape \(800,\) for 400 rows",
        ),
        (looping(width=3), "the candidate model took more than 20 seconds"),
        (doubling(40, constant=True, width=3), "the candidate model needs more than 1 GB"),
        (deep_tree(200_000, width=3), r"the candidate model crashed the process .*SIGSEGV"),
    ],
    ids=["NaN", "wrong shape", "Loop", "grows", "crashes"],
)
def test_a_graph_that_misbehaves_leaves_no_evidence_and_no_process(
    world: World, tmp_path: Path, model: onnx.ModelProto, message: str
) -> None:
    number = world.register_changed(put(model))
    policy = tmp_path / "policy.yaml"
    limited = POLICY.read_text().replace("  integrity:\n", ADVISORY).replace("1000000", "100000000")
    policy.write_text(limited + "limits: {seconds: 20, memory_bytes: 1000000000}\n")
    refused_without_evidence(world, RegistryError, message, lambda: world.evaluate(number, policy))
    assert [child for child in Process().children() if CHILD in child.cmdline()] == []


def test_a_candidate_of_a_run_that_failed_and_of_a_dirty_tree_fails_lineage(world: World) -> None:
    number = world.register()
    run_id = str(world.client.get_model_version(CANDIDATES, str(number)).run_id)
    world.client.set_tag(run_id, "git_dirty", "true")
    world.client.set_terminated(run_id, "FAILED")
    _, evidence = world.evaluate(number)
    assert failed(evidence) == ["lineage"]
    assert verdicts(evidence)["lineage"].note == (
        "the training run is FAILED, not FINISHED; "
        "the tree had uncommitted changes; commit them and train again; "
        "claimed: commit, code, data, environment"
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
    fetched = fetch_evidence(world.client, parse_reference(reference))
    scores = pl.read_parquet(fetched.files["scores.parquet"])
    rows = read_rows(world.rows)
    assert scores.columns == [TIME, LABEL, "candidate", "production"]
    assert scores[LABEL].to_list() == rows.labelled.labels.tolist()
    for name, quality in (("candidate", 1.0), ("production", 0.5)):
        scorer = open_model(files_of(saved_model(quality)))
        assert scores[name].to_list() == scorer.score(rows.encoded(scorer.contract)).tolist()


def test_a_candidate_without_a_contract_leaves_no_evidence(world: World) -> None:
    def remove_contract(folder: Path) -> None:
        content = yaml.safe_load((folder / "MLmodel").read_text())
        (folder / "MLmodel").write_text(yaml.safe_dump({**content, "metadata": {}}))

    number = world.register_changed(remove_contract)
    refused_without_evidence(
        world, ContractError, "no readable contract and signature", lambda: world.evaluate(number)
    )


@pytest.mark.parametrize("name", ["model.onnx", "MLmodel"])
def test_the_evidence_holds_the_files_that_were_judged_whatever_replaces_them(
    world: World, name: str
) -> None:
    """Here, the files of a better model, once those of the candidate were opened."""
    number, judged = world.register(quality=0.0), saved_model(0.0, NAMES, 0.5)
    other = (saved_model(1.0, threshold=0.25) / name).read_bytes()
    with swapped_once_opened(Path(gettempdir()), name, other) as swapped:
        reference, evidence = world.evaluate(number)
    assert len(swapped) == 1
    assert failed(evidence) == ["floor.average_precision", "decisions.threshold_recall"]
    assert evidence.model_files == Manifest.of(judged).sha256
    fetched = fetch_evidence(world.client, parse_reference(reference))
    assert fetched.files[f"model/{name}"] == (judged / name).read_bytes()


def test_the_evidence_holds_the_policy_that_was_applied_whatever_replaces_it(
    world: World, tmp_path: Path
) -> None:
    strict, lax = (
        POLICY.read_bytes(),
        POLICY.read_bytes().replace(b"precision: 0.5", b"precision: 0.01"),
    )
    (tmp_path / "policy.yaml").write_bytes(lax)
    number = world.register(quality=0.0)
    with swapped_once_opened(tmp_path, "policy.yaml", strict):
        reference, evidence = world.evaluate(number, tmp_path / "policy.yaml")
    assert failed(evidence) == ["decisions.threshold_recall"]
    assert evidence.policy.sha256 == sha256_of_bytes(lax)
    fetched = fetch_evidence(world.client, parse_reference(reference))
    assert fetched.files["policy.yaml"] == lax


@pytest.mark.parametrize("name", ["model.onnx", "parity/rows.parquet", "scores.parquet"])
def test_evidence_that_changes_while_it_is_uploaded_is_refused(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_artifacts = world.client.log_artifacts

    def changed(run_id: str, folder: str) -> None:
        (found,) = Path(folder).glob(f"**/{name}")
        found.write_bytes(b"other")
        log_artifacts(run_id, folder)

    number = world.register()
    monkeypatch.setattr(world.client, "log_artifacts", changed)
    with pytest.raises(BytesMismatch, match=f"was uploaded: .*{name} was changed"):
        world.evaluate(number)
    newest = evidence_runs(world)[0]
    assert newest.info.status == "FAILED"


def test_a_file_added_to_the_evidence_while_it_is_uploaded_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_artifacts = world.client.log_artifacts

    def added(run_id: str, folder: str) -> None:
        (Path(folder) / "model" / "loader.py").write_text("")
        log_artifacts(run_id, folder)

    number = world.register()
    monkeypatch.setattr(world.client, "log_artifacts", added)
    with pytest.raises(BytesMismatch, match=r"uploaded: model/loader\.py was added"):
        world.evaluate(number)


def test_a_damaged_production_model_leaves_no_evidence(world: World) -> None:
    head = world.put_in_production()
    number = world.register()
    (world.server.stored(head.statement.entry.source) / "MLmodel").write_text("")
    refused_without_evidence(
        world, BytesMismatch, "MLmodel was changed", lambda: world.evaluate(number)
    )

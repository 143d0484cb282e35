"""Counting earlier evaluations on the same rows, however these are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.evaluation.evidence import EvaluatedRows, fetch_evidence, parse_reference
from registry.lifecycle import earlier
from registry.lifecycle.earlier import Evaluation, Looks, count_looks, evaluations, looks_before
from registry.tracking.names import EVIDENCE_EXPERIMENT
from tests.candidates import rewrite_rows, write_evaluation_rows
from tests.world import World

DAY = timedelta(days=1)
START = datetime(2026, 4, 1, tzinfo=UTC)
ROWS = EvaluatedRows(
    sha256="a" * 64, origin={}, count=8, frauds=3, start=START, end=START + 9 * DAY
)


def judged(
    files: str, rows: str = "a" * 64, start: datetime = START, end: datetime = START + 9 * DAY
) -> Evaluation:
    return Evaluation(f"{files} on {rows}", START + 30 * DAY, files, rows, start, end)


def test_the_first_look_has_none_before_it() -> None:
    assert count_looks([], "mine", ROWS) == Looks(0, 0)


def test_the_same_candidate_on_the_same_file_is_the_same_look() -> None:
    assert count_looks([judged("mine"), judged("mine")], "mine", ROWS) == Looks(0, 0)


def test_each_other_candidate_counts_once_for_each_file() -> None:
    past = [judged("other"), judged("other"), judged("third"), judged("third", "b" * 64)]
    assert count_looks(past, "mine", ROWS) == Looks(candidates=2, evaluations=3)


def test_the_same_candidate_on_another_part_of_the_rows_looks_again() -> None:
    part = judged("mine", "b" * 64, START + DAY, START + 2 * DAY)
    assert count_looks([part], "mine", ROWS) == Looks(candidates=0, evaluations=1)


@pytest.mark.parametrize(
    ("start", "end", "looks"),
    [
        (START - DAY, START, 1),
        (START + 9 * DAY, START + 10 * DAY, 1),
        (START - DAY, START + 10 * DAY, 1),
        (START + DAY, START + 2 * DAY, 1),
        (START - DAY, START - timedelta(microseconds=1), 0),
        (START + 9 * DAY + timedelta(microseconds=1), START + 10 * DAY, 0),
    ],
)
def test_rows_are_the_same_where_their_periods_overlap(
    start: datetime, end: datetime, looks: int
) -> None:
    past = [judged("other", "b" * 64, start, end)]
    assert count_looks(past, "mine", ROWS) == Looks(looks, looks)


def test_an_evaluation_is_found_by_its_files_rows_and_plan(world: World) -> None:
    number = world.register()
    plan = world.plan(number)
    reference, evidence = world.evaluate(number)
    (found,) = evaluations(world.client)
    assert found.run_id == reference.split("@")[0]
    assert found.look == (plan.statement.manifest.digest, evidence.rows.sha256)
    assert (found.start, found.end) == (evidence.rows.start, evidence.rows.end)
    assert found.plan == plan.statement.digest
    assert timedelta(0) <= datetime.now(UTC) - found.started_at < timedelta(minutes=5)


def test_before_the_first_evaluation_there_is_none(world: World) -> None:
    assert evaluations(world.client) == []


def test_rows_in_another_order_without_one_and_under_another_name_have_judged_before(
    world: World, tmp_path: Path
) -> None:
    world.evaluate(world.register(0.5))
    rewritten = rewrite_rows(world.rows, tmp_path / "rewritten.parquet")
    _, evidence = world.evaluate(world.register(1.0), rows=rewritten)
    assert evidence.rows.origin["dataset"] == "another"
    assert (evidence.earlier_candidates, evidence.earlier_looks) == (1, 1)


def test_evaluations_that_were_deleted_or_failed_still_count(world: World) -> None:
    for quality, end in ((0.5, "FINISHED"), (0.6, "FAILED")):
        reference, _ = world.evaluate(world.register(quality))
        run_id = parse_reference(reference).run_id
        world.client.set_terminated(run_id, end)
        world.client.delete_run(run_id)
    _, evidence = world.evaluate(world.register(1.0))
    assert evidence.earlier_candidates == 2


def test_every_page_of_the_list_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {
        parse_reference(world.evaluate(world.register(quality))[0]).run_id
        for quality in (0.5, 0.6, 0.7, 0.8)
    }
    monkeypatch.setattr(earlier, "RUNS_PER_PAGE", 2)
    assert {one.run_id for one in evaluations(world.client)} == runs


def test_runs_without_the_tags_of_an_evaluation_are_passed_over(world: World) -> None:
    world.plan(world.register())
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    assert experiment
    tags = {
        "candidate_files_sha256": "a" * 64,
        "rows_sha256": "a" * 64,
        "rows_start": "yesterday",
        "rows_end": "today",
    }
    world.client.create_run(experiment.experiment_id, tags=tags)
    assert evaluations(world.client) == []


def test_of_evaluators_that_raced_each_has_another_number_before_it(world: World) -> None:
    references = [world.evaluate(world.register(quality))[0] for quality in (0.5, 0.6, 0.7)]
    found = evaluations(world.client)
    at_once = [
        Evaluation(**{**vars(one), "started_at": START}) for one in found
    ]  # in the same millisecond
    numbers = []
    for reference in references:
        parsed = parse_reference(reference)
        evidence = fetch_evidence(world.client, parsed).evidence
        numbers.append(looks_before(at_once, parsed.run_id, START, evidence).evaluations)
    assert sorted(numbers) == [0, 1, 2]


def test_rows_of_another_period_start_anew(world: World, tmp_path: Path) -> None:
    world.evaluate(world.register(0.5))
    later = write_evaluation_rows(tmp_path / "later.parquet", start=datetime(2026, 5, 1))
    _, evidence = world.evaluate(world.register(1.0), rows=later)
    assert (evidence.earlier_candidates, evidence.earlier_looks) == (0, 0)

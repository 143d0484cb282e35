"""What a plan names: candidate, policy and rows, and which evaluations it is a plan of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from registry.errors import BytesMismatch, Refused
from registry.evaluation.evidence import EvaluatedRows
from registry.evaluation.plan import PlannedFile, PlannedQuery, fetch_plan
from registry.ledger.chain import Link
from tests.world import World

DAY = timedelta(days=1)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
FILE = PlannedFile(rows_sha256="a" * 64, start=APRIL, end=APRIL + 9 * DAY)
QUERY = PlannedQuery(dataset="payments", start=APRIL, until=MAY)


def rows(start: datetime = APRIL, end: datetime = MAY - DAY, **changes: str) -> EvaluatedRows:
    origin = {"dataset": changes.get("dataset", "payments")}
    sha256 = changes.get("sha256", "a" * 64)
    return EvaluatedRows(sha256=sha256, origin=origin, count=8, frauds=3, start=start, end=end)


def test_a_planned_file_covers_that_file_alone() -> None:
    assert FILE.covers(rows())
    assert not FILE.covers(rows(sha256="b" * 64))


@pytest.mark.parametrize(
    ("judged", "covered"),
    [
        (rows(), True),
        (rows(APRIL, MAY - timedelta(microseconds=1)), True),
        (rows(APRIL, MAY), False),
        (rows(APRIL - timedelta(microseconds=1)), False),
        (rows(dataset="refunds"), False),
    ],
)
def test_a_planned_period_covers_rows_of_its_data_set_that_lie_in_it(
    judged: EvaluatedRows, covered: bool
) -> None:
    assert QUERY.covers(judged) is covered


@pytest.mark.parametrize(
    ("start", "end", "in_file", "in_period"),
    [
        (APRIL - DAY, APRIL, True, True),
        (APRIL + 9 * DAY, MAY, True, True),
        (APRIL - DAY, MAY, True, True),
        (APRIL + 10 * DAY, MAY, False, True),
        (MAY, MAY + DAY, False, False),
        (APRIL - 2 * DAY, APRIL - DAY, False, False),
    ],
)
def test_which_periods_could_hold_the_same_transactions(
    start: datetime, end: datetime, in_file: bool, in_period: bool
) -> None:
    assert (FILE.overlaps(start, end), QUERY.overlaps(start, end)) == (in_file, in_period)


def test_a_period_ends_after_it_starts() -> None:
    with pytest.raises(ValidationError, match="its end is not after its start"):
        PlannedQuery(dataset="payments", start=MAY, until=MAY)


@pytest.fixture
def planned(world: World) -> tuple[World, Link, Path]:
    """A plan, and the folder of its run on the server's disk."""
    link = world.plan(world.register())
    return world, link, world.server.stored(link.statement.entry.source)


def test_a_plan_holds_candidate_files_policy_bounds_and_rows(
    planned: tuple[World, Link, Path],
) -> None:
    world, link, _ = planned
    entry = link.statement.entry
    plan = fetch_plan(world.client, link.statement)
    assert (plan.candidate, plan.files, plan.policy) == (
        entry.candidate,
        link.statement.files,
        entry.policy,
    )
    assert plan.gates["floor"]["average_precision"] == 0.5
    assert plan.gates["no_worse"]["alpha"] == 0.05  # bounds that the file leaves out, too
    assert isinstance(plan.data, PlannedFile)
    assert (plan.data.start, plan.data.end) == (APRIL, datetime(2026, 4, 10, 23, 24, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("plan.json", b"{}", "plan.json of run .* is not the one that was signed"),
        ("policy.yaml", b"name: lax", "plan run .*: policy.yaml was changed"),
        ("more.txt", b"more", "plan run .*: more.txt was added"),
    ],
)
def test_a_plan_that_was_changed_is_refused(
    planned: tuple[World, Link, Path], name: str, content: bytes, problem: str
) -> None:
    world, link, folder = planned
    (folder / name).write_bytes(content)
    with pytest.raises(BytesMismatch, match=problem):
        fetch_plan(world.client, link.statement)


def test_a_plan_that_says_something_else_than_its_entry_is_refused(
    planned: tuple[World, Link, Path],
) -> None:
    world, link, _ = planned
    other = link.statement.model_copy(update={"files": {"model.onnx": "0" * 64}})
    with pytest.raises(BytesMismatch, match="plans something else than its ledger entry says"):
        fetch_plan(world.client, other)


def test_a_plan_counts_only_in_the_evidence_experiment(planned: tuple[World, Link, Path]) -> None:
    world, link, _ = planned
    run = world.client.get_run(link.statement.entry.evidence.run_id)
    world.client.rename_experiment(run.info.experiment_id, f"elsewhere {world.trust.ledger_id}")
    with pytest.raises(Refused, match="evidence counts only in fraud-detector-promotions"):
        fetch_plan(world.client, link.statement)

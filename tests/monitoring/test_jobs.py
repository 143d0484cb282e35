"""The jobs on a real registry, with records and labels in files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitoring import jobs
from monitoring.document import LOOK_FILE, PROPOSAL_FILE
from monitoring.labels import LabelColumns
from monitoring.promise import fetch_promise
from registry.errors import NotFound
from registry.tracking.client import Run
from registry.tracking.names import LIVE_EXPERIMENT
from registry.tracking.rest import Registry
from tests.monitoring.service import write_labels, write_records
from tests.monitoring.tables import records
from tests.world import World

UNTIL = datetime(2026, 7, 15, tzinfo=UTC)


def live(world: World, folder: Path, labels: Path, until: datetime = UNTIL) -> jobs.LiveResult:
    return jobs.live(
        Registry(world.server.uri),
        world.trust,
        str(folder / "records"),
        str(labels),
        LabelColumns(),
        slices=(),
        unlabelled_is_genuine=False,
        until=until,
        alpha=0.05,
        output=folder / "proposals",
        metrics_file=folder / "live.prom",
    )


def runs_of(world: World, version: int) -> list[Run]:
    experiment = world.client.get_experiment_by_name(LIVE_EXPERIMENT)
    assert experiment is not None
    condition = f"tags.ledger_version = '{version}'"
    return list(world.client.search_runs([experiment.experiment_id], condition))


def test_a_kept_promise_a_broken_one_and_a_drift(world: World, tmp_path: Path) -> None:
    link = world.put_in_production()
    registry = Registry(world.server.uri)
    promise = fetch_promise(registry, link, resamples=20)
    write_records(promise, tmp_path / "records")
    kept = write_labels(promise, tmp_path / "kept.csv")
    broken = write_labels(promise, tmp_path / "broken.csv", lost=15)

    result = live(world, tmp_path, kept)
    again = live(world, tmp_path, kept)

    assert (result.is_proposed, (tmp_path / "proposals").exists()) == (False, False)
    assert {"genuine: 1,095", "frauds: 105"} < set(result.lines)
    [run] = runs_of(world, link.version)
    assert run.info.run_name == f"live-version-{link.version}-2026-07-15"
    metrics = run.data.metrics
    assert (metrics["budget_precision"], metrics["promised_budget_precision"]) == (0.7, 0.66)
    assert metrics["average_precision"] == pytest.approx(1)
    days = world.client.get_metric_history(run.info.run_id, "daily_budget_precision")
    assert [(point.step, point.timestamp) for point in days][:2] == [
        (0, 1_779_840_000_000),
        (1, 1_779_926_400_000),
    ]
    assert len(days) == 30
    assert again.lines[-1].endswith("logged before")

    late = live(world, tmp_path, broken)

    page = (tmp_path / "proposals" / PROPOSAL_FILE).read_text()
    assert late.is_proposed
    assert "No other model was in Production before" in page
    assert "| promised precision at 5 alerts a day | 0.6600 |" in page
    assert (
        f'fraud_live_rollback_proposed{{version="{link.version}"}} 1.0'
        in (tmp_path / "live.prom").read_text()
    )
    proposed = next(run for run in runs_of(world, link.version) if "proposal" in run.data.tags)
    look = Path(world.client.download_artifacts(proposed.info.run_id, LOOK_FILE, str(tmp_path)))
    assert json.loads(look.read_text())["test"]["alarm_day"] > 20_600 + 14
    assert world.ledger.head == link

    lines = list(
        jobs.drift(
            registry,
            world.trust,
            str(tmp_path / "records"),
            until=UNTIL,
            alpha=0.05,
            metrics_file=tmp_path / "drift.prom",
        )
    )

    exposed = (tmp_path / "drift.prom").read_text()
    version = link.version
    assert f'fraud_drift_detected{{version="{version}",input="probability"}} 0.0' in exposed
    assert "budget_precision" in exposed
    assert lines[-1].startswith(f"version {version}: run ")


def test_records_of_no_version_of_the_ledger_are_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    records({"model_version": 1_000_000}).write_parquet(tmp_path / "records" / "x.parquet")
    (tmp_path / "labels.csv").write_text("transaction_id,fraud\n")

    with pytest.raises(NotFound, match="no record is of a version of this ledger"):
        live(world, tmp_path, tmp_path / "labels.csv")

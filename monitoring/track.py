"""Looks as runs of the experiment `fraud-detector-live`, with the measures' names of training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time

from monitoring.document import LOOK_FILE, PROPOSAL_FILE, look_document
from monitoring.live import Look
from monitoring.performance import Estimate
from registry.errors import NotFound
from registry.ledger.files import Files
from registry.temporary import temporary_folder
from registry.tracking.client import (
    Metric,
    MlflowClient,
    MlflowException,
    server_errors,
    suppress_exists,
)
from registry.tracking.names import (
    LEDGER_VERSION_TAG,
    LIVE_EXPERIMENT,
    LOOK_TAG,
    PROPOSAL_TAG,
    UNTIL_TAG,
)

METRICS_AT_ONCE = 1000
"""MLflow's limit of one request."""


def log_look(client: MlflowClient, look: Look, proposal: str | None) -> tuple[str, bool]:
    """Log a look, with the proposal to roll back if there is one, as `log_run` does."""
    files = {LOOK_FILE: look_document(look)}
    if proposal:
        files[PROPOSAL_FILE] = proposal.encode()
    tags = {PROPOSAL_TAG: "rollback"} if proposal else {}
    return log_run(client, "live", look.version, look.until, files, list(metrics_of(look)), tags)


def log_run(
    client: MlflowClient,
    kind: str,
    version: int,
    until: datetime,
    files: Mapping[str, bytes],
    metrics: Sequence[Metric],
    tags: Mapping[str, str],
) -> tuple[str, bool]:
    """Log what was found of a version as a run; return its id, and whether it is new.

    The same files are logged once, also where an earlier try was interrupted: a run counts once it
    is FINISHED. Raises Unreachable, and NotFound where the experiment was deleted.
    """
    digest = Files(dict(files)).manifest.digest
    with server_errors("logging a run (run the command again once the server works)"):
        experiment = _experiment(client)
        condition = f"tags.{LOOK_TAG} = '{digest}' AND attributes.status = 'FINISHED'"
        if found := client.search_runs([experiment], condition, max_results=1):
            return str(found[0].info.run_id), False
        tags = {
            LEDGER_VERSION_TAG: str(version),
            LOOK_TAG: digest,
            UNTIL_TAG: until.isoformat(),
            **tags,
        }
        name = f"{kind}-version-{version}-{until:%Y-%m-%d}"
        run_id = str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)
        try:
            for begin in range(0, len(metrics), METRICS_AT_ONCE):
                client.log_batch(run_id, metrics=metrics[begin : begin + METRICS_AT_ONCE])
            with temporary_folder("look-") as folder:
                Files(dict(files)).write(folder)
                client.log_artifacts(run_id, str(folder))
        except BaseException:
            with suppress(MlflowException):  # of the two, the first failure says what to do
                client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return run_id, True


def metrics_of(look: Look) -> Iterator[Metric]:
    """What was measured of the whole by the name of the measure, what was promised with
    `promised_` before it, and days with `daily_` and `expected_`: a step each, at its own time.
    """
    at = _milliseconds(look.until)
    for name, value in _values(look.whole.estimates):
        yield Metric(name, value, at, 0)
    for name, value in _values(look.promise.estimates):
        yield Metric(f"promised_{name}", value, at, 0)
    if look.test is not None:
        yield Metric("capital", look.test.capital, at, 0)
        yield Metric("capital_bound", look.test.bound, at, 0)
    for step, (day, measured) in enumerate(look.days.items()):
        for name, value in _values(measured.estimates):
            yield Metric(f"daily_{name}", value, _milliseconds(_start_of(day)), step)
    yield from expected_metrics(look.expected)


def _values(estimates: Mapping[str, Estimate]) -> Iterator[tuple[str, float]]:
    for name, estimate in estimates.items():
        yield name, estimate.value
        if not math.isnan(estimate.lower):
            yield f"{name}_lower", estimate.lower
            yield f"{name}_upper", estimate.upper


def expected_metrics(expected: Mapping[date, Mapping[str, float]]) -> Iterator[Metric]:
    """What probabilities let expect, with `expected_` before the measure: a step for each day."""
    for step, (day, values) in enumerate(expected.items()):
        for name, value in values.items():
            yield Metric(f"expected_{name}", value, _milliseconds(_start_of(day)), step)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _experiment(client: MlflowClient) -> str:
    """The id of the live experiment. Where only administrators create one, it has to be there."""
    experiment = client.get_experiment_by_name(LIVE_EXPERIMENT)
    if experiment is None:
        with suppress_exists():
            return str(client.create_experiment(LIVE_EXPERIMENT))
        experiment = client.get_experiment_by_name(LIVE_EXPERIMENT)
    if experiment is None or experiment.lifecycle_stage != "active":
        raise NotFound(f"experiment {LIVE_EXPERIMENT} was deleted; restore it in MLflow")
    return str(experiment.experiment_id)

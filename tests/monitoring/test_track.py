from __future__ import annotations

from datetime import UTC, datetime

from monitoring.live import look_at
from monitoring.track import expected_metrics, log_run, metrics_of
from registry.tracking.client import Metric, connect
from tests.monitoring.promises import drawn, joined, promise
from tests.world import Server

UNTIL = datetime(1970, 4, 1, tzinfo=UTC)


def test_measures_have_the_names_of_training_and_days_are_steps_at_their_own_time() -> None:
    look = look_at(promise(), joined(drawn(days=3)), UNTIL, alpha=0.05, resamples=20)
    assert look is not None

    metrics = list(metrics_of(look))

    names = {metric.key for metric in metrics}
    assert {"average_precision", "average_precision_lower", "promised_average_precision"} < names
    assert {"daily_money_saved_per_day", "expected_budget_recall", "capital_bound"} < names
    days = [(m.step, m.timestamp) for m in metrics if m.key == "daily_budget_precision"]
    assert days == [(0, 0), (1, 86_400_000), (2, 172_800_000)]
    assert [m.value for m in metrics if m.key == "capital_bound"] == [40]


def test_expected_values_of_no_day_are_no_metrics() -> None:
    assert list(expected_metrics({})) == []


def test_the_same_run_is_logged_once_and_one_that_was_interrupted_again(server: Server) -> None:
    client = connect(server.uri)
    files = {"drift.json": b'{"of": "test_track"}'}
    many = [Metric(f"m{number}", number, 0, 0) for number in range(1001)]

    first, is_new = log_run(client, "drift", 7, UNTIL, files, many, {"extra": "1"})
    assert is_new
    assert log_run(client, "drift", 7, UNTIL, files, many, {}) == (first, False)

    client.set_terminated(first, "FAILED")
    second, is_new = log_run(client, "drift", 7, UNTIL, files, [], {})
    assert (is_new, second != first) == (True, True)

    run = client.get_run(first)
    assert (len(run.data.metrics), run.info.run_name) == (1001, "drift-version-7-1970-04-01")
    assert run.data.tags["extra"] == "1"

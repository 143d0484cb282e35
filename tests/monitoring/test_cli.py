from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from monitoring import cli, jobs
from monitoring.labels import LabelColumns
from registry.errors import NotFound

CALLS: list[tuple[Any, ...]] = []


@pytest.fixture(autouse=True)
def jobs_that_only_say_what_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def live(*arguments: Any, **more: Any) -> jobs.LiveResult:
        CALLS.append((*arguments[2:], more))
        return jobs.LiveResult(["version 7: looked at"], arguments[2] == "broken")

    def drift(*arguments: Any, **more: Any) -> Iterator[str]:
        CALLS.append((*arguments[2:], more))
        yield "version 7: counted"

    CALLS.clear()
    monkeypatch.setattr(jobs, "live", live)
    monkeypatch.setattr(jobs, "drift", drift)
    monkeypatch.setattr(cli, "read_trust", lambda *_: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")


def test_live_passes_on_what_it_is_told() -> None:
    result = CliRunner().invoke(
        cli.app,
        ["live", "kept", "labels.csv", "--id", "ID", "--label", "FRAUD", "--known-at", "KNOWN",
         "--amount", "AMOUNT", "--slice", "a", "--slice", "b", "--only-frauds", "--alpha", "0.1",
         "--until", "2026-11-28"],
    )  # fmt: skip

    assert (result.exit_code, result.stdout) == (0, "version 7: looked at\n")
    [(records, labels, columns, more)] = CALLS
    assert (records, labels) == ("kept", "labels.csv")
    assert columns == LabelColumns("ID", "FRAUD", "KNOWN", "AMOUNT", "")
    assert more == {
        "slices": ["a", "b"],
        "unlabelled_is_genuine": True,
        "until": datetime(2026, 11, 28, tzinfo=UTC),
        "alpha": 0.1,
        "output": None,
        "metrics_file": None,
    }


def test_a_proposal_ends_with_3() -> None:
    assert CliRunner().invoke(cli.app, ["live", "broken", "labels.csv"]).exit_code == 3


def test_a_look_without_a_time_is_of_midnight(tmp_path: Path) -> None:
    file = tmp_path / "drift.prom"

    result = CliRunner().invoke(cli.app, ["drift", "kept", "--metrics-file", str(file)])

    assert (result.exit_code, result.stdout) == (0, "version 7: counted\n")
    [(_, more)] = CALLS
    assert more["until"].tzinfo is UTC
    assert (more["until"].hour, more["until"].microsecond, more["metrics_file"]) == (0, 0, file)


def test_a_known_failure_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: Any, **__: Any) -> jobs.LiveResult:
        raise NotFound("no record is of a version of this ledger")

    monkeypatch.setattr(jobs, "live", failing)
    monkeypatch.setattr("sys.argv", ["monitoring", "live", "records", "labels"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: no record is of a version of this ledger\n"

"""Records on the local disk: bounded, shared by workers, and there once whatever ends a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference import record_spool
from inference.metrics import Metrics
from inference.record_destination import open_destination
from inference.record_files import OPEN, SEALED, new_name, spool_files
from inference.record_mover import move
from inference.record_moves import Moves
from inference.record_spool import Spool
from registry.errors import UsageError
from tests.inference.calls import samples_of
from tests.inference.spooled import HOUR, line, lines, spool_in, stored_rows
from tests.places import REPOSITORY
from tests.waiting import wait_until


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 0, lambda: 0.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due every second, or every minute, is due always."""
    monkeypatch.setattr(record_spool, "SCAN_SECONDS", 0)
    monkeypatch.setattr(record_spool, "MOVE_SECONDS", 0)


def value(metrics: Metrics, name: str) -> float:
    return samples_of(metrics.expose().decode())[name]


def hours(folder: Path) -> dict[str, list[int]]:
    return {path.name: stored_rows(path) for path in folder.glob("destination/hour=*")}


def test_what_was_written_is_at_the_destination_after_the_end(
    tmp_path: Path, metrics: Metrics
) -> None:
    spool = spool_in(tmp_path, metrics)
    assert spool.write(lines(range(5))) == 5
    spool.tend()
    assert len(spool_files(tmp_path / "spool", OPEN)) == 1
    assert value(metrics, "fraud_records_spool_bytes") == 5 * len(line(0).text)
    assert value(metrics, "fraud_records_oldest_seconds") >= 0
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0, 1, 2, 3, 4]
    assert value(metrics, "fraud_records_spool_bytes") == 0
    assert value(metrics, "fraud_records_oldest_seconds") == 0
    assert value(metrics, "fraud_records_dropped_total") == 0


def test_records_are_moved_while_the_service_runs(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_spool, "SEAL_SECONDS", 0)
    spool = spool_in(tmp_path, metrics)
    spool.write(lines(range(5)))

    def moved() -> bool:
        spool.tend()
        return stored_rows(tmp_path / "destination") == [0, 1, 2, 3, 4]

    wait_until(moved)
    spool.close()


def test_a_file_is_sealed_at_its_size(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_spool, "SEAL_BYTES", 2 * len(line(0).text))
    spool = spool_in(tmp_path, metrics)
    for row in range(5):
        assert spool.write([line(row)]) == 1
    assert len(spool_files(tmp_path / "spool", SEALED)) == 2
    assert len(spool_files(tmp_path / "spool", OPEN)) == 1


def test_hours_and_versions_have_their_files_also_where_the_clock_goes_back(
    tmp_path: Path, metrics: Metrics
) -> None:
    spool = spool_in(tmp_path, metrics)
    for row, time in enumerate((HOUR - 1, HOUR + 1, HOUR - 1, HOUR + 2)):
        assert spool.write([line(row, time)]) == 1
    assert spool.write([line(4, HOUR + 3, version=8), line(5, HOUR + 4)]) == 2
    spool.close()
    assert hours(tmp_path) == {"hour=2026-11-28T07": [0, 2], "hour=2026-11-28T08": [1, 3, 4, 5]}
    assert stored_rows(tmp_path / "destination" / "hour=2026-11-28T08" / "version=8") == [4]


def test_beyond_the_maximum_size_new_records_are_lost_until_some_were_moved(
    tmp_path: Path, metrics: Metrics
) -> None:
    size = len(line(0).text)
    spool = spool_in(tmp_path, metrics, max_bytes=3 * size)
    assert spool.write(lines(range(2))) == 2
    assert spool.write(lines(range(2, 4))) == 0
    assert spool.write([line(4)]) == 1
    spool.tend()
    assert spool.write([line(5)]) == 0
    spool.close()
    spool = spool_in(tmp_path, metrics, max_bytes=3 * size)
    assert spool.write([line(6)]) == 1
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0, 1, 4, 6]


def test_where_the_disk_is_full_records_are_lost_until_it_is_measured_again(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    spool = spool_in(tmp_path, metrics)
    spool.write([line(0)])
    with monkeypatch.context() as during:
        during.setattr("inference.record_files.os.write", full)
        assert spool.write([line(1)]) == 0
    assert spool.write([line(2)]) == 0
    spool.tend()
    assert spool.write([line(3)]) == 1
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0, 3]


def test_two_workers_share_a_spool_and_a_destination(tmp_path: Path, metrics: Metrics) -> None:
    """Neither takes the other's open file, and the second waits for the mover of the first."""
    first, second = spool_in(tmp_path, metrics), spool_in(tmp_path, metrics)
    for row in range(0, 10, 2):
        assert first.write([line(row)]) == 1
        assert second.write([line(row + 1)]) == 1
        first.tend()
        second.tend()
    assert len(spool_files(tmp_path / "spool", OPEN)) == 2
    first.close()
    second.close()
    assert stored_rows(tmp_path / "destination") == list(range(10))


def test_hours_without_storage_lose_nothing(tmp_path: Path, metrics: Metrics) -> None:
    spool = spool_in(tmp_path, metrics)
    (tmp_path / "destination").rmdir()
    for hour in range(2):
        spool.write([line(hour, HOUR + 3600 * hour)])
        spool.close()
    assert value(metrics, "fraud_record_moves_failed_total") == 1 + 2
    assert value(metrics, "fraud_records_oldest_seconds") > 0
    spool = spool_in(tmp_path, metrics)
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0, 1]


def test_a_spool_that_cannot_be_written_is_refused(tmp_path: Path, metrics: Metrics) -> None:
    (tmp_path / "spool").touch()
    with pytest.raises(UsageError) as refusal:
        Spool(tmp_path / "spool", 1_000_000, str(tmp_path), metrics)
    assert str(refusal.value) == (
        f"the spool {tmp_path}/spool is not writable (File exists); "
        "set FRAUD_RECORDS_SPOOL to a folder that is"
    )


def test_one_file_that_cannot_be_sealed_does_not_keep_the_others(
    tmp_path: Path, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    # A folder cannot be opened for appending; it is first in the order of names.
    (folder / f"{new_name(HOUR - 3600, 1)}{OPEN}").mkdir()
    (folder / f"{new_name(HOUR, 7)}{OPEN}").write_bytes(line(0).text)
    spool = spool_in(tmp_path, metrics)
    spool.tend()
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0]
    assert f"the spool of prediction records, {folder}: Is a directory" in caplog.messages


KILLED = """
import sys
from pathlib import Path
from inference import record_spool
from inference.metrics import Metrics
from tests.inference.killed import kill_at_each_step
from tests.inference.spooled import HOUR, lines, spool_in

record_spool.LAST_MOVE_SECONDS = record_spool.SCAN_SECONDS = 0
metrics = Metrics(lambda: 0, lambda: 0.0)

def task(folder):
    spool = spool_in(folder, metrics)
    with (folder / "written").open("a") as written:
        for batch in range(3):
            rows = range(3 * batch, 3 * batch + 3)
            assert spool.write(lines(rows, HOUR + 3000 * batch)) == 3
            print(*rows, file=written, flush=True)
            spool.tend()
        spool.close()

kill_at_each_step(Path(sys.argv[1]), lambda folder: None, task)
"""


def test_a_worker_killed_before_any_of_its_steps_loses_nothing_that_it_wrote(
    tmp_path: Path, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Moves, "start", lambda _: False)
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    steps = subprocess.check_output(command, cwd=REPOSITORY, text=True, timeout=120).splitlines()
    assert {"open .open", "os.rename .open"} <= set(steps)
    for number in range(1, len(steps) + 2):
        place = tmp_path / str(number)
        written = place / "written"
        rows = [int(row) for row in written.read_text().split()] if written.exists() else []
        next_worker = spool_in(place, metrics)
        next_worker.tend()
        assert spool_files(place / "spool", OPEN) == []
        move(place / "spool", open_destination(str(place / "destination")))
        assert stored_rows(place / "destination") == rows
        assert [path.name for path in (place / "spool").iterdir()] == ["lock"]
    assert rows == list(range(9))
    assert value(metrics, "fraud_records_dropped_total") == 0


HALF_WRITTEN = """
import os, signal, sys
from pathlib import Path
from inference import record_files
from inference.metrics import Metrics
from tests.inference.spooled import lines, spool_in

write = os.write

def killed(descriptor, text):
    write(descriptor, text[: len(text) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

spool = spool_in(Path(sys.argv[1]), Metrics(lambda: 0, lambda: 0.0))
spool.write(lines(range(3)))
record_files.os.write = killed
spool.write(lines(range(3, 6)))
"""


def test_a_worker_killed_within_a_write_leaves_whole_records_only(
    tmp_path: Path, metrics: Metrics
) -> None:
    command = [sys.executable, "-c", HALF_WRITTEN, str(tmp_path)]
    assert subprocess.run(command, cwd=REPOSITORY, check=False, timeout=60).returncode == -9
    spool = spool_in(tmp_path, metrics)
    spool.tend()
    assert value(metrics, "fraud_records_dropped_total") == 1
    spool.close()
    assert stored_rows(tmp_path / "destination") == [0, 1, 2, 3]

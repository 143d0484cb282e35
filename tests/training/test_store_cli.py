"""`python -m features`: a store is filled, checked against training, and described."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from features.online import MICROSECONDS_PER_DAY
from features.stores.folder import segments
from features.stores.memory import MemoryStore
from features.stores.opening import open_store
from tests.places import REPOSITORY
from training import store_cli

DAY = MICROSECONDS_PER_DAY


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"memory:{tmp_path / 'store'}"


def features(monkeypatch: pytest.MonkeyPatch, command: str, store: str, *arguments: object) -> int:
    """The exit code of a command on the simulated data-set file."""
    words = [command, "--store", store, *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", ["features", *words])
    with pytest.raises(SystemExit) as ended:
        store_cli.main()
    return int(ended.value.code or 0)


def test_a_store_that_was_loaded_has_the_features_of_training(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    transactions: Path,
) -> None:
    data = ("--data", transactions)
    assert features(monkeypatch, "load", store, *data, "--until", "2026-02-20") == 0
    shown = capsys.readouterr()
    # 30 + 7 days that features look back, and 1 that a transaction may be late.
    assert (
        shown.out
        == "11,784 of 11,784 transactions were new; complete from 2026-01-13 00:00:00 on\n"
    )
    assert "loading, to 2026-02-19 23:" in shown.err

    assert features(monkeypatch, "load", store, *data, "--until", "2026-02-20T01:00+01:00") == 0
    assert capsys.readouterr().out.startswith("0 of 11,784 transactions were new")
    assert features(monkeypatch, "check", store, *data, "--sample", 300) == 0
    assert capsys.readouterr().out == "300 transactions compared: 0 differ, 0 values\n"

    # Later, with what came since: also labels that were not known then.
    assert features(monkeypatch, "load", store, *data) == 0
    assert features(monkeypatch, "check", store, *data, "--sample", 300) == 0

    assert features(monkeypatch, "load", store, *data, "--since", "2026-02-28") == 0
    assert "complete from 2026-02-28 00:00:00 on" in capsys.readouterr().out


def test_what_differs_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    tmp_path: Path,
) -> None:
    first = "transaction_id,time,customer_id,terminal_id,amount,fraud\n"
    rows = [f"{day},2026-01-{day:02},c,t,{day},0\n" for day in range(1, 10)]
    (tmp_path / "loaded.csv").write_text("".join([first, *rows[:3], *rows[4:7], *rows[8:]]))
    (tmp_path / "all.csv").write_text(
        "".join([first, *rows[:5], "6,2026-01-06,c,t,60,0\n", *rows[6:]])
    )
    late = ("--lateness-days", 7)
    assert features(monkeypatch, "load", store, "--data", tmp_path / "loaded.csv", *late) == 0
    capsys.readouterr()

    # The store keeps how late a transaction may come: from 2 to 9 January.
    assert features(monkeypatch, "check", store, "--data", tmp_path / "all.csv") == 3
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["4", "2026-01-04", "00:00:00", "not", "recorded", "in", "the", "data"] in lines
    assert ["5", "2026-01-05", "00:00:00", "customer_id_count_7d", "4.0", "5.0"] in lines
    assert "recorded with another time, amount or entity" in " ".join(
        " ".join(line) for line in lines if line[0] == "6"
    )
    assert lines[-1][:3] == ["8", "transactions", "compared:"]


def test_stats_show_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    tmp_path: Path,
    transactions: Path,
) -> None:
    assert (
        features(monkeypatch, "load", store, "--data", transactions, "--until", "2026-01-03") == 0
    )
    capsys.readouterr()
    assert features(monkeypatch, "stats", store, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "transactions": 606,
        "entities": {"customer_id": 133, "terminal_id": 230},
        "newest": "2026-01-02T23:19:02",
        "complete_since": "2026-01-01T00:00:49",
        "bytes": None,
    }
    assert features(monkeypatch, "check", store, "--data", transactions, "--sample", 5) == 0
    capsys.readouterr()
    assert list(segments(tmp_path / "store")) == [1]
    assert features(monkeypatch, "stats", store) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert words[1:] == [
        ["transactions", "606"],
        ["customer_id", "133"],
        ["terminal_id", "230"],
        ["newest", "2026-01-02T23:19:02"],
        ["complete", "since", "2026-01-01T00:00:49"],
    ]


def test_labels_are_loaded_as_far_as_they_were_known(
    monkeypatch: pytest.MonkeyPatch, store: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(
        "transaction_id,time,customer_id,terminal_id,amount,fraud\n"
        "1,2026-01-01T00:00:00,c,t,1,1\n2,2026-01-01T00:00:01,c,t,1,1\n3,2026-01-08,c,t,1,0\n"
    )

    async def past() -> list[bool | None]:
        opened = open_store(store, ["customer_id", "terminal_id"], reach=40 * DAY, lateness=0)
        found = [each.fraud for each in await opened.past("customer_id", "c", 10)]
        await opened.close()
        return found

    assert features(monkeypatch, "load", store, "--data", path) == 0
    assert asyncio.run(past()) == [None, None, True]


def test_an_interrupted_load_goes_on_when_it_is_run_again(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    transactions: Path,
) -> None:
    load = MemoryStore.load
    left = 1000

    def interrupted(*arguments: object, **named: object) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return load(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "load", interrupted)
        assert features(patch, "load", store, "--data", transactions) == 130
    assert "interrupted: what was loaded is kept; run it again" in capsys.readouterr().err

    assert features(monkeypatch, "load", store, "--data", transactions) == 0
    new, _, rows, *_ = capsys.readouterr().out.replace(",", "").split()
    assert int(rows) - int(new) == 1000


def test_without_an_id_rows_are_numbered_and_a_warning_says_what_that_means(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    transactions: Path,
    tmp_path: Path,
) -> None:
    text = (REPOSITORY / "training" / "datasets" / "simulated.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text.replace("id: transaction_id\n", "", 1))
    options = ("--data", transactions, "--dataset", tmp_path / "own.yaml")

    assert features(monkeypatch, "load", store, *options) == 0
    assert "the data-set file has no `id`" in capsys.readouterr().err
    assert features(monkeypatch, "check", store, *options, "--sample", 50) == 0
    assert segments(tmp_path / "store")


@pytest.mark.parametrize(
    ("command", "url", "options", "reason"),
    [
        ("stats", "memory:", [], "`memory:` keeps nothing: name a folder"),
        ("stats", "mongodb://x", [], "no kind of store is named 'mongodb'"),
        ("load", None, ["--until", "yesterday"], "'yesterday' is not a time in ISO 8601"),
        ("load", None, ["--until", "1999-01-01"], "no transaction before 1999-01-01"),
        ("check", None, [], "store holds no store: fill one by `python -m features load`"),
        ("stats", None, [], "store holds no store: fill one by `python -m features load`"),
    ],
)
def test_what_cannot_be_done_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store: str,
    transactions: Path,
    command: str,
    url: str | None,
    options: list[str],
    reason: str,
) -> None:
    data = [] if command == "stats" else ["--data", transactions]
    assert features(monkeypatch, command, url or store, *data, *options) == 2
    [line] = [each for each in capsys.readouterr().err.splitlines() if each.startswith("error")]
    assert reason in line


def test_it_is_a_program() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "features", "load", "--help"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Example: python -m features load" in shown.stdout

"""Raw transactions get the features that the service computes for them, to the bit."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from batch import job, raw
from batch.job import Job
from batch.output import Counts
from registry.errors import UsageError
from tests.batch import heads
from tests.batch.test_job import rejects_of, rows_of
from tests.contracts import raw_contract
from tests.inference.calls import Caller
from tests.inference.models import raw_model

NIGHT = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS = ("transaction_id", "time", "card", "shop", "amount", "channel", "fraud")


def transactions() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Twenty days of history with labels, and a night in any order, of the same few cards."""
    seed = random.Random(5)

    def made(number: int, days: float) -> dict[str, Any]:
        values = (
            f"t{number}",
            NIGHT + timedelta(seconds=round(days * 86_400)),
            seed.choice(["c1", "c2", None]),
            seed.choice(["1", "2"]),
            round(seed.uniform(-5, 500), 2),
            seed.choice(["web", "shop", None]),
            seed.random() < 0.3,
        )
        return dict(zip(COLUMNS, values, strict=True))

    past = [made(number, -seed.uniform(0, 20)) for number in range(120)]
    night = [made(number, seed.uniform(0, 0.5)) for number in range(120, 160)]
    return sorted(past, key=lambda one: one["time"]), night


def write(rows: list[dict[str, Any]], path: Path, *, without: str = "") -> Path:
    table = pa.Table.from_pylist(rows)
    if without:
        table = table.drop_columns([without])
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        parquet.write_table(table, path)
    return path


def make(tmp_path: Path, source: Path, **changed: Any) -> Job:
    arguments = {
        "output": str(tmp_path / "scores"),
        "history": str(tmp_path / "past.parquet"),
        "label": "fraud",
        "max_rejects": 1,
    }
    return Job(heads.head_of(heads.raw()), str(source), **{**arguments, **changed})


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_each_row_has_the_bits_that_predict_answers_in_order_of_time(
    ending: str, tmp_path: Path, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "_MAX_ROWS", 16)
    past, night = transactions()
    # The history overlaps with the night, which counts once all the same.
    write(past + night[:3], tmp_path / "past.parquet")
    source = write(night, tmp_path / f"night.{ending}", without="fraud")
    caller.serve(heads.raw())

    assert make(tmp_path, source).run() == Counts(40, 0)

    def sent(one: dict[str, Any]) -> dict[str, Any]:
        fields = {name: one[name] for name in COLUMNS if name != "fraud"}
        return fields | {"time": one["time"].isoformat()}

    for one in past:
        assert caller.predict(sent(one)).status_code == 200
    labels = [{"transaction_id": one["transaction_id"], "fraud": one["fraud"]} for one in past]
    assert caller.post("/labels", {"labels": labels}).status_code == 200
    answers = {}
    for one in sorted(night, key=lambda one: one["time"]):
        answers[one["transaction_id"]] = caller.predict(sent(one)).json()["probability"].hex()
    found = rows_of(tmp_path / "scores")
    assert [row["transaction_id"] for row in found] == [one["transaction_id"] for one in night]
    assert {row["transaction_id"]: row["probability"].hex() for row in found} == answers
    assert len(set(answers.values())) > 30


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("transaction_id", None, "transaction_id: missing"),
        ("transaction_id", "", "transaction_id: not of 1 to 200 characters"),
        ("transaction_id", "t121", "transaction_id: that of an earlier row"),
        ("card", "c" * 201, "card: not of 1 to 200 characters"),
        ("amount", None, "amount: missing"),
        ("amount", 2e11, "amount: beyond 1e+11"),
        ("time", None, "time: missing"),
        ("time", NIGHT.replace(year=1970), "time: before 1980 or after 2099"),
    ],
)
def test_what_breaks_the_contract_is_rejected_and_is_nobodys_history(
    column: str, value: Any, reason: str, tmp_path: Path
) -> None:
    past, night = transactions()
    write(past, tmp_path / "past.parquet")
    last = {**night[5], "transaction_id": "last"}
    job_without = make(tmp_path, write(night, tmp_path / "night.parquet"))
    assert job_without.run() == Counts(40, 0)
    expected = [row["probability"] for row in rows_of(tmp_path / "scores")]

    night.append(last | {column: value})
    source = write(night, tmp_path / "more.parquet")
    assert make(tmp_path, source, output=str(tmp_path / "more")).run() == Counts(40, 1)

    assert [row["reason"] for row in rejects_of(tmp_path / "more")] == [reason]
    assert [row["probability"] for row in rows_of(tmp_path / "more")] == expected


def test_what_the_features_need_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past, night = transactions()
    write(past, tmp_path / "past.parquet")
    source = write(night, tmp_path / "night.parquet")

    with pytest.raises(UsageError, match="features need those before them: name these with --hist"):
        make(tmp_path, source, history="")
    with pytest.raises(UsageError, match="features made from labels: name their column with --la"):
        make(tmp_path, source, label="")
    with pytest.raises(UsageError, match=r"past\.parquet has no column 'chargeback'"):
        make(tmp_path, source, label="chargeback").run()
    half = [one | {"night": 0} for one in night]
    with pytest.raises(UsageError, match="has the computed input 'night', but not all of them"):
        make(tmp_path, write(half, tmp_path / "half.parquet"))
    naive = [one | {"time": one["time"].replace(tzinfo=None)} for one in night]
    with pytest.raises(UsageError, match="the model needs times with an offset from UTC"):
        make(
            tmp_path, write(naive, tmp_path / "naive.parquet"), output=str(tmp_path / "naive")
        ).run()
    with monkeypatch.context() as patched:
        patched.setattr(raw, "MAX_ROWS", 159)
        with pytest.raises(UsageError, match="more than 159 rows, which are in memory at once: s"):
            make(tmp_path, source).run()
    monkeypatch.setattr("features.offline.MAX_TOTAL_UNITS", 1)
    with pytest.raises(UsageError, match="no features can be computed: the amounts of one entity"):
        make(tmp_path, source).run()
    past[3]["amount"] = None
    write(past, tmp_path / "past.parquet")
    with pytest.raises(UsageError, match="1 rows of the history are invalid, the first by amount"):
        make(tmp_path, source, output=str(tmp_path / "other")).run()


def test_a_label_counts_from_its_delay_on_also_of_what_is_in_both_inputs(tmp_path: Path) -> None:
    """.5 × the share of frauds at the shop, 7 to 14 days before."""
    first, later = (
        dict(zip(COLUMNS, values, strict=True))
        for values in (
            ("a", NIGHT, "c1", "1", 1.0, "web", True),
            ("b", NIGHT + timedelta(days=7), "c1", "1", 1.0, "web", None),
        )
    )
    write([first], tmp_path / "past.parquet")
    past, model = str(tmp_path / "past.parquet"), heads.head_of(raw_model())

    for without in ("fraud", ""):  # known by the history alone, or by the input too
        source = write([later, first], tmp_path / f"night{without}.csv", without=without)
        folder = tmp_path / f"scores{without}"
        Job(model, str(source), str(folder), past, "fraud", ["fraud"] * (not without)).run()
        found = [row["probability"] for row in rows_of(folder)]
        assert found == pytest.approx([0.6, 0.1])


def test_without_features_of_a_history_none_is_needed(tmp_path: Path) -> None:
    _, night = transactions()
    contract = raw_contract()
    contract = raw_contract(
        history_features=(),
        inputs=[one for one in contract.inputs if one.name in ("amount", "night", "channel")],
    )
    source = write(night, tmp_path / "night.parquet", without="fraud")

    made = Job(heads.head_of(heads.raw(contract)), str(source), str(tmp_path / "scores"))

    assert made.run() == Counts(40, 0)
    empty = pa.Table.from_pylist(night).slice(0, 0)
    parquet.write_table(empty, source)
    with pytest.raises(UsageError, match="the input contains no rows"):
        Job(heads.head_of(heads.raw(contract)), str(source), str(tmp_path / "none")).run()

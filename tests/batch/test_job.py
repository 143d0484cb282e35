"""A run gives each row of the input once, with what the service answers for it alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, dataset, parquet

from batch import job, output
from batch.job import Job
from batch.output import Counts
from inference.model import ServedModel
from registry.errors import Refused, UsageError
from tests.batch.heads import head_of, trees
from tests.inference.calls import Caller
from tests.inference.models import three_inputs

ROWS = 60


def vectors(rows: int = ROWS) -> pa.Table:
    """Every tenth row breaks the contract; numbers, categories and missing values of all kinds."""
    random = np.random.default_rng(1)
    age = random.normal(size=rows)
    return pa.table(
        {
            "payment": [f"p{number}" for number in range(rows)],
            "amount": [
                None if number % 10 == 9 else value
                for number, value in enumerate(random.normal(size=rows).tolist())
            ],
            "age_days": pa.array(age, mask=age > 1),
            "country": [["DE", "FR", "XX", None][number % 4] for number in range(rows)],
            "row": range(rows),
        }
    )


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "_MAX_ROWS", 25)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "night.parquet"
    parquet.write_table(vectors(), path, row_group_size=7)
    return path


def make(source: Path, folder: Path | str, model: ServedModel | None = None, **changed: Any) -> Job:
    model = model or trees()
    return Job(head_of(model), str(source), str(folder), **{"max_rejects": 0.2, **changed})


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = dataset.dataset(folder).to_table().to_pylist()
    return rows


def rejects_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(folder / "_rejects").to_pylist()
    return rows


@pytest.mark.parametrize("model", [trees, three_inputs])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_each_row_has_the_bits_that_predict_answers_for_it_alone(
    model: Any, ending: str, source: Path, tmp_path: Path, caller: Caller
) -> None:
    if ending == "csv":
        csv.write_csv(vectors(), source.with_suffix(".csv"))
        source = source.with_suffix(".csv")
    served = caller.serve(model()).model

    counts = make(source, tmp_path / "scores", served, explain=True).run(workers=2)

    answers = {row["payment"]: row for row in rows_of(tmp_path / "scores")}
    rejects = {row["payment"]: row["reason"] for row in rejects_of(tmp_path / "scores")}
    assert counts == Counts(len(answers), len(rejects)) == Counts(54, 6)
    for row in vectors().to_pylist():
        sent = {name: row[name] for name in ("amount", "age_days", "country")}
        answer = caller.post("/predict?explain=true", sent)
        if row["payment"] in rejects:
            assert answer.status_code == 422
            assert rejects[row["payment"]] == "amount: missing"
            continue
        expected, found = answer.json(), answers[row["payment"]]
        assert str(found["row"]) == str(row["row"])
        assert (found["input_file"], found["input_row"]) == (source.name, row["row"] + 1)
        assert found["probability"].hex() == float(expected["probability"]).hex()
        assert found["decision"] == expected["decision"]
        assert found["model_version"] == expected["model_version"]
        assert found["model_digest"].startswith(expected["model_digest"])
        assert [(one["input"], one["change"]) for one in found["reasons"]] == [
            (one["input"], one["change"]) for one in expected["reasons"]
        ]


def _killed_at(source: Path, folder: Path, count: int) -> None:
    """Score in a process that ends by SIGKILL while it writes its nth file."""
    write, written = output._write, [0]

    def dying(table: pa.Table, path: Path) -> None:
        written[0] += 1
        if written[0] == count:
            path.with_name(f"partial-{path.name}-0").write_bytes(b"PAR1")
            os.kill(os.getpid(), signal.SIGKILL)
        write(table, path)

    output._write, job._MAX_ROWS = dying, 25
    make(source, folder, three_inputs()).run(workers=1)


def test_killed_at_any_part_and_run_again_it_gives_each_row_once(
    source: Path, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")  # a process has one fork server: forked.py's
    make(source, tmp_path / "whole", three_inputs()).run()
    expected, rejected = rows_of(tmp_path / "whole"), rejects_of(tmp_path / "whole")
    assert len({row["payment"] for row in expected + rejected}) == ROWS
    for count in range(1, 7):  # three parts, each with rejects
        folder = tmp_path / str(count)
        process = context.Process(target=_killed_at, args=(source, folder, count))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert len(list(folder.glob("part-*"))) == (count - 1) // 2
        make(source, folder, three_inputs()).run()
        assert rows_of(folder) == expected
        assert rejects_of(folder) == rejected
        assert not list(folder.rglob("partial-*"))


def test_a_finished_run_is_not_repeated_and_another_model_or_input_is_refused(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scores"
    make(source, folder).run()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("part-*")}

    assert make(source, folder).run() == Counts(54, 6)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("part-*")} == times
    assert "60 were scored before" in capsys.readouterr().err
    parquet.write_table(vectors(59), source)
    with pytest.raises(UsageError, match="the scores of another run: input differ; name a new"):
        make(source, folder).run()
    with pytest.raises(UsageError, match="the scores of another run: input, keys differ"):
        make(source, folder, keys=["payment", "payment"]).run()


def test_too_many_rejects_stop_the_job(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="2 of 25 rows are rejected, more than --max-rejects"):
        make(source, tmp_path / "scores", max_rejects=0.05).run(workers=1)
    assert make(source, tmp_path / "scores", max_rejects=0.1).run() == Counts(54, 6)


def test_a_probability_that_is_none_is_rejected(source: Path, tmp_path: Path) -> None:
    huge = {"amount": [3e38, 0.25], "age_days": [3e38, 0.5], "country": ["DE", "FR"]}
    parquet.write_table(pa.table(huge), source)

    make(source, tmp_path / "scores", three_inputs(), max_rejects=1).run()

    assert [row["probability"] for row in rows_of(tmp_path / "scores")] == [0.75]
    assert [row["reason"] for row in rejects_of(tmp_path / "scores")] == [
        "the model cannot score these values"
    ]


@pytest.mark.parametrize("model", [trees, three_inputs])
def test_a_part_may_have_nothing_but_rejects(model: Any, source: Path, tmp_path: Path) -> None:
    wrong = {"amount": [None] * 30, "age_days": [0.5] * 30, "country": ["DE"] * 30}
    parquet.write_table(pa.table(wrong), source)

    for _ in range(2):
        counts = make(source, tmp_path / "scores", model(), max_rejects=1).run()
        assert counts == Counts(0, 30)
    assert rows_of(tmp_path / "scores") == []
    assert len(rejects_of(tmp_path / "scores")) == 30


def test_columns_are_checked_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    table = vectors()
    for wrong, changed, problem in (
        (table.drop_columns(["amount"]), {}, "has no column 'amount'; its columns are payment,"),
        (table, {"keys": ["id"]}, "has no column 'id'"),
        (table, {"history": "x"}, "the input holds all inputs of the model: leave out --history"),
        (table.rename_columns({"row": "decision"}), {}, "'decision' is a column of the output"),
    ):
        parquet.write_table(wrong, source)
        with pytest.raises(UsageError, match=problem):
            make(source, tmp_path / "scores", **changed)
    assert not (tmp_path / "scores").exists()
    parquet.write_table(table, source)
    with pytest.raises(UsageError, match="the output is in the folder of the input: name one besi"):
        make(tmp_path, tmp_path / "scores")


def test_an_input_without_rows_is_refused(source: Path, tmp_path: Path) -> None:
    parquet.write_table(vectors(0), source)
    with pytest.raises(UsageError, match="the input contains no rows"):
        make(source, tmp_path / "scores").run()
    (tmp_path / "a.csv").write_text("amount,age_days,country\n")
    with pytest.raises(UsageError, match="the input contains no rows"):
        make(tmp_path / "a.csv", tmp_path / "others").run()


def test_hostile_names_are_names(tmp_path: Path) -> None:
    names = ["../up", "a.b", "a,b", "$(id)", "\x1b[2J"]
    table = vectors().append_column("../up", pa.array(range(ROWS)))
    for name in names[1:]:
        table = table.append_column(name, pa.array(range(ROWS)))
    source = tmp_path / "a'; rm -rf *.parquet"
    parquet.write_table(table, source)

    make(source, tmp_path / "scores").run()

    row = rows_of(tmp_path / "scores")[3]
    assert {name: row[name] for name in names} == dict.fromkeys(names, 3)
    assert row["input_file"] == "a'; rm -rf *.parquet"

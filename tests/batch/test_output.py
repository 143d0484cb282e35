"""The output belongs to one run, and each part is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from batch.output import Counts, Output
from registry.errors import UsageError

MANIFEST = {"model_version": 1, "input": {"a.csv": "0"}, "keys": ["id"]}
SCORED, REJECTED = pa.table({"id": ["a", "b"]}), pa.table({"id": ["c"], "reason": ["no"]})


def test_finished_parts_are_found_again(tmp_path: Path) -> None:
    output = Output(tmp_path / "scores")
    with output.opened(MANIFEST) as finished:
        assert finished == {}
        assert output.write(3, SCORED, REJECTED) == Counts(2, 1)
        assert output.write(4, SCORED, REJECTED.slice(0, 0)) == Counts(2, 0)

    with output.opened(MANIFEST) as finished:
        assert finished == {3: Counts(2, 1), 4: Counts(2, 0)}
    names = {path.relative_to(output.folder).as_posix() for path in output.folder.rglob("*.*")}
    assert names == {
        "_manifest.json",
        "_rejects/part-000003.parquet",
        "part-000003.parquet",
        "part-000004.parquet",
    }


def test_what_a_killed_process_left_is_deleted_and_a_damaged_part_written_again(
    tmp_path: Path,
) -> None:
    output = Output(tmp_path)
    with output.opened(MANIFEST):
        output.write(0, SCORED, REJECTED)
    left = [tmp_path / "partial-part-000001.parquet-1", tmp_path / "_rejects" / "partial-a"]
    for path in left:
        path.touch()
    (tmp_path / "part-000000.parquet").write_bytes(b"PAR1")

    with output.opened(MANIFEST) as finished:
        assert finished == {}
    assert not any(path.exists() for path in left)


def test_rejects_without_their_part_are_of_a_run_that_was_killed(tmp_path: Path) -> None:
    with Output(tmp_path).opened(MANIFEST):
        Output(tmp_path).write(0, SCORED, REJECTED)
        Output(tmp_path).write(1, SCORED, REJECTED)
    (tmp_path / "part-000000.parquet").unlink()

    with Output(tmp_path).opened(MANIFEST) as finished:
        assert finished == {1: Counts(2, 1)}
    assert [path.name for path in (tmp_path / "_rejects").iterdir()] == ["part-000001.parquet"]


def test_the_scores_of_another_run_are_not_mixed(tmp_path: Path) -> None:
    other = MANIFEST | {"model_version": 2, "input": {"b.csv": "0"}}

    for manifest in (other, MANIFEST):  # which no part belongs to yet
        with Output(tmp_path).opened(manifest):
            pass
    with Output(tmp_path).opened(MANIFEST):
        Output(tmp_path).write(0, SCORED, REJECTED)

    with (
        pytest.raises(UsageError, match="scores of another run: model_version, input differ; name"),
        Output(tmp_path).opened(other),
    ):
        pass
    assert json.loads((tmp_path / "_manifest.json").read_text()) == MANIFEST


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "part-000000.parquet").touch()

    with (
        pytest.raises(UsageError, match=r"holds 'part-000000\.parquet', which is not of a batch"),
        Output(tmp_path).opened(MANIFEST),
    ):
        pass
    (tmp_path / "_manifest.json").write_text("{")
    with (
        pytest.raises(UsageError, match=r"_manifest\.json is damaged: delete the folder"),
        Output(tmp_path).opened(MANIFEST),
    ):
        pass

"""Sizes and number of a model's files, read from the folder alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.evaluation.model_files import MAX_FILES, MAX_TEXT_BYTES, file_problems, size_problems
from registry.model.scorer import MODEL_FILE


def sparse(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


@pytest.mark.parametrize("name", ["MLmodel", "conda.yaml", "below/data.json"])
def test_every_file_but_the_model_has_at_most_a_megabyte(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    sparse(tmp_path / name, MAX_TEXT_BYTES)
    assert size_problems(tmp_path, 1) == []
    sparse(tmp_path / name, MAX_TEXT_BYTES + 1)
    assert size_problems(tmp_path, 1) == [f"{name} has 1 MB, more than 1 MB"]


def test_the_model_has_at_most_what_the_policy_says(tmp_path: Path) -> None:
    sparse(tmp_path / MODEL_FILE, 5_000_000_000)
    assert size_problems(tmp_path, 5_000_000_000) == []
    assert size_problems(tmp_path, 100_000_000) == ["model.onnx has 5000 MB, more than 100 MB"]


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    for number in range(MAX_FILES):
        (tmp_path / str(number)).touch()
    assert size_problems(tmp_path, 1) == []
    (tmp_path / "one more").touch()
    assert size_problems(tmp_path, 1) == ["there are 51 files, more than 50"]


def test_a_link_has_the_size_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    assert size_problems(tmp_path, 1) == []


def test_deep_yaml_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("[" * 5000)
    assert file_problems(tmp_path) == ["MLmodel names no flavors that can be read"]

"""Sizes, number and content of a model's files, found before any of them is loaded."""

from __future__ import annotations

import pytest

from registry.evaluation.model_files import MAX_FILES, MAX_TEXT_BYTES, file_problems, size_problems
from registry.ledger.files import Files
from registry.model.scorer import MODEL_FILE


def of_size(name: str, size: int) -> Files:
    return Files({name: bytes(size)})


@pytest.mark.parametrize("name", ["MLmodel", "conda.yaml", "below/data.json"])
def test_every_file_but_the_model_has_at_most_a_megabyte(name: str) -> None:
    assert size_problems(of_size(name, MAX_TEXT_BYTES), 1) == []
    assert size_problems(of_size(name, MAX_TEXT_BYTES + 1), 1) == [
        f"{name} has 1 MB, more than 1 MB"
    ]


def test_the_model_has_at_most_what_the_policy_says() -> None:
    large = of_size(MODEL_FILE, 5_000_000)
    assert size_problems(large, 5_000_000) == []
    assert size_problems(large, 1_000_000) == ["model.onnx has 5 MB, more than 1 MB"]


def test_the_number_of_files_is_bounded() -> None:
    names = [str(number) for number in range(MAX_FILES + 1)]
    assert size_problems(Files(dict.fromkeys(names[:-1], b"")), 1) == []
    assert size_problems(Files(dict.fromkeys(names, b"")), 1) == [
        "there are 51 files, more than 50"
    ]


def test_deep_yaml_is_a_problem_and_no_crash() -> None:
    assert file_problems(Files({"MLmodel": b"[" * 5000})) == [
        "MLmodel names no flavors that can be read"
    ]

"""The packages that a model may ask for: what MLflow writes for ours, and nothing else."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from registry.evaluation.pins import pin_problems, serving_pins
from tests.candidates import files_of, saved_model
from tests.places import REPOSITORY

REQUIREMENTS, CONDA, PYTHON = "requirements.txt", "conda.yaml", "python_env.yaml"
INDEX = "--index" + "-url"
"""In two parts: tests/test_repository.py looks for it in every file."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(saved_model(1.0), tmp_path / "model")


def append(folder: Path, line: str) -> list[str]:
    with (folder / REQUIREMENTS).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}")
    return pin_problems(files_of(folder))


def test_what_mlflow_writes_for_our_models_is_accepted(folder: Path) -> None:
    assert (folder / REQUIREMENTS).read_text().split() == [
        f"mlflow=={version('mlflow')}",
        f"numpy=={version('numpy')}",
        f"onnxruntime=={version('onnxruntime')}",
    ]
    assert pin_problems(files_of(folder)) == []


def test_the_pins_are_those_of_the_lock_file() -> None:
    locked = (REPOSITORY / "requirements" / "training.txt").read_text()
    for pin in serving_pins():
        assert re.search(rf"^{re.escape(pin)} ", locked, re.MULTILINE), pin


@pytest.mark.parametrize(
    "line",
    [
        f"{INDEX} https://example.com/simple",
        f"--extra{INDEX[1:]}=https://example.com/simple",
        "-i https://example.com/simple",
        "--find" + "-links https://example.com/wheels",
        "--trusted-host example.com",
        "-r more.txt",
        "-c constraints.txt",
        "-e .",
        "https://example.com/numpy-9.0-py3-none-any.whl",
        "numpy @ https://example.com/numpy-9.0-py3-none-any.whl",
        "file:///tmp/evil.whl",
        "./evil.whl",
        "git+https://example.com/evil.git",
        "numpy",
        "numpy==1.0",
        "numpy>=1.0",
        "onnxruntime-gpu==1.0",
        "evil==1.0",
        "# a comment",
        "numpy\\",
    ],
)
def test_any_other_line_is_a_problem(folder: Path, line: str) -> None:
    (problem,) = append(folder, line)
    assert problem.startswith(f"requirements.txt: {line!r} is not one of mlflow==")


@pytest.mark.parametrize("rest", [f" {INDEX} https://example.com", "\x0bevil==1.0", "\\\nevil"])
def test_an_allowed_line_that_hides_another_one_is_a_problem(folder: Path, rest: str) -> None:
    (problem,) = append(folder, f"numpy=={version('numpy')}{rest}")
    assert problem.startswith("requirements.txt: ")


@pytest.mark.parametrize("name", [REQUIREMENTS, CONDA, PYTHON])
@pytest.mark.parametrize("text", ["\ufeff# -*- coding: utf-7 -*-\n", "numpy–evil"])
def test_text_that_pip_could_decode_in_another_way_is_a_problem(
    folder: Path, name: str, text: str
) -> None:
    (folder / name).write_text(text + (folder / name).read_text(), encoding="utf-8")
    assert pin_problems(files_of(folder)) == [f"{name} is not as MLflow writes it"]


def replace(folder: Path, name: str, old: str, new: str) -> list[str]:
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return pin_problems(files_of(folder))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("- conda-forge", "- https://example.com/channel", "it names other channels"),
        ("- conda-forge", "- conda-forge\n- evil", "it names other channels"),
        ("- python=", "- evil\n- python=", "'evil' is not a package that MLflow writes there"),
        ("- python=", "- evil::python=", "'evil::python="),
        ("- pip<=", "- evil<=", "'evil<="),
        ("  - mlflow", f"  - {INDEX} https://e.com\n  - mlflow", f"'{INDEX} https://e.com'"),
        ("  - mlflow", "  - evil.whl\n  - mlflow", "'evil.whl' is not one of"),
        ("name: mlflow-env", "prefix: /usr", "it has the key 'prefix'"),
    ],
)
def test_a_changed_conda_environment_is_a_problem(
    folder: Path, old: str, new: str, problem: str
) -> None:
    (found,) = replace(folder, CONDA, old, new)
    assert found.startswith(f"conda.yaml: {problem}")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("- -r requirements.txt", "- evil", "its dependencies are not those of requirements.txt"),
        ("- setuptools", "- evil", "'evil"),
        ("- wheel", "- https://example.com/wheel.whl", "'https://example.com/wheel.whl' is not"),
        ("python: 3", "python: https://example.com/3", "'https://example.com/3"),
        ("python: 3", "more: 1\npython: 3", "it has the key 'more'"),
    ],
)
def test_a_changed_python_environment_is_a_problem(
    folder: Path, old: str, new: str, problem: str
) -> None:
    (found,) = replace(folder, PYTHON, old, new)
    assert found.startswith(f"python_env.yaml: {problem}")


@pytest.mark.parametrize("name", [CONDA, PYTHON])
@pytest.mark.parametrize(
    "text", ["", "a: [", "[1]", "dependencies: 3", "dependencies: [{}]", "[" * 5000]
)
def test_a_file_of_another_form_is_a_problem(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert pin_problems(files_of(folder)) == [f"{name} is not as MLflow writes it"]


def test_a_file_that_is_not_there_asks_for_nothing(folder: Path) -> None:
    for name in (REQUIREMENTS, CONDA, PYTHON):
        (folder / name).unlink()
    assert pin_problems(files_of(folder)) == []

"""What holds for the whole repository: no addresses, one set of pins, a README that is true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer

from registry.cli.main import app
from tests.checks import checker
from tests.places import REPOSITORY

# In two parts, so that this file does not hold what it looks for.
FORBIDDEN = [
    "pypi." + "org",
    "pythonhosted." + "org",
    "npmjs." + "org",
    "npmjs." + "com",
    "conda.anaconda." + "org",
    "repo.anaconda." + "com",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
    "/wo" + "rk/",
    "/ro" + "ot/",
]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==[^\\]+")


def tracked() -> list[Path]:
    """The files that git knows, and those that it would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = [name for name in listed.split("\0") if name]
    return [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]


def pins(name: str) -> dict[str, str]:
    """Each `package==version ; marker` of a requirements file, with the text up to the next."""
    found: dict[str, str] = {}
    pin = ""
    for line in (REPOSITORY / "requirements" / name).read_text().splitlines():
        if match := PIN.match(line):
            pin = match.group().strip()
            found[pin] = ""
        elif pin:
            found[pin] += line + "\n"
    return found


def packages(name: str) -> set[str]:
    return {pin.split("==")[0] for pin in pins(name)}


@pytest.mark.parametrize("text", FORBIDDEN)
def test_no_file_holds_an_index_address_or_a_path_of_somebodys_machine(text: str) -> None:
    holding = [
        path.relative_to(REPOSITORY).as_posix()
        for path in tracked()
        if text.encode() in path.read_bytes()
    ]

    assert holding == []


def test_no_lock_file_with_addresses_is_tracked() -> None:
    names = {path.name for path in tracked()}

    assert names & {"uv.lock", "package-lock.json", "poetry.lock", "yarn.lock", "Pipfile.lock"} == (
        set()
    )


@pytest.mark.parametrize("name", ["inference.txt", "records.txt", "telemetry.txt", "training.txt"])
def test_every_pin_is_the_one_that_is_tested(name: str) -> None:
    assert len(pins(name)) > 20
    tested = {pin.partition(" ;")[0] for pin in pins("dev.txt")}  # without markers of platforms
    assert {pin.partition(" ;")[0] for pin in pins(name)} - tested == set()


@pytest.mark.parametrize(
    "name",
    [
        "build.txt",
        "checks.txt",
        "dev.txt",
        "inference.txt",
        "records.txt",
        "spark.txt",
        "telemetry.txt",
        "tracking.txt",
        "training.txt",
    ],
)
def test_every_pin_has_hashes(name: str) -> None:
    without = [pin for pin, text in pins(name).items() if "--hash=sha256:" not in text]

    assert without == []


def test_the_serving_image_has_no_training_library() -> None:
    heavy = {"mlflow", "pandas", "scikit-learn", "skl2onnx", "polars", "matplotlib", "optuna"}

    assert heavy & packages("inference.txt") == set()
    assert packages("records.txt") - packages("inference.txt") == {"pyarrow"}
    assert heavy - packages("training.txt") == set()


def test_the_house_has_the_rooms_that_the_readme_names() -> None:
    for name in ("training", "registry", "inference", "deploy", "tests", "docs", ".github"):
        assert (REPOSITORY / name).is_dir()
    for name in (
        "MLproject",
        "conda.yaml",
        "Makefile",
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
    ):
        assert (REPOSITORY / name).is_file()
    table = (REPOSITORY / "README.md").read_text().split("## What is where")[1].split("\n## ")[0]
    folders = re.findall(r"^\| `(\S+)/` \|", table, re.MULTILINE)
    assert len(folders) >= 6
    assert [name for name in folders if not (REPOSITORY / name).is_dir()] == []


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    relative = [one for one in targets if not re.match(r"[a-z]+:", one)]

    assert [one for one in relative if not (page.parent / one).exists()] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_registry_command_of_a_page_exists(page: Path) -> None:
    named = set(re.findall(r"python -m registry ([a-z][a-z-]*)", page.read_text()))
    named |= set(re.findall(r"`registry ([a-z][a-z-]*)", page.read_text()))

    assert named - set(getattr(typer.main.get_command(app), "commands", {})) == set()


def test_every_row_of_the_faults_page_names_tests_that_exist() -> None:
    sources = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"^def (test_\w+)\(", sources, re.MULTILINE))
    page = (REPOSITORY / "docs" / "faults.md").read_text()
    rows = re.findall(r"^\| (?!what breaks).*\|$", page, re.MULTILINE)
    named = [re.findall(r"`(test_\w+)`", row.split(" | ")[-1]) for row in rows]
    assert len(named) > 15
    assert all(named)
    assert {name for names in named for name in names} - existing == set()


def test_the_readme_shows_every_command_of_the_main_job() -> None:
    shown = set(re.findall(r"python -m registry ([a-z-]+)", (REPOSITORY / "README.md").read_text()))

    assert shown >= {"init", "stage", "promote", "status", "history", "verify", "rollback"}


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    text = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"(?:\$ |`)make ([a-z-]+)", text))

    assert {"demo", "test", "lint", "setup"} <= named
    assert named - targets == set()


def shell_scripts() -> list[Path]:
    first_line = re.compile(rb"#!.*\b(ba)?sh$")
    return [
        path
        for path in tracked()
        if path.suffix == ".sh" or first_line.match(path.read_bytes().partition(b"\n")[0])
    ]


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    scripts = shell_scripts()

    assert REPOSITORY / ".ci" / "run" in scripts
    for path in scripts:
        dialect = ["--shell=sh"] if path.suffix == ".sh" else []
        subprocess.run([checker("shellcheck"), *dialect, path], check=True, timeout=60)

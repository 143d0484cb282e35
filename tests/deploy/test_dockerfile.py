"""The Dockerfile by itself, without building it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.checks import checker
from tests.places import REPOSITORY

DOCKERFILE = REPOSITORY / "Dockerfile"


def hadolint(text: str) -> str:
    command = [str(checker("hadolint")), "--no-color", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False).stdout


def trivy(folder: Path, text: str) -> str:
    """What the checks that are built into Trivy find, of any severity."""
    (folder / "Dockerfile").write_text(text)
    command = [
        *(str(checker("trivy")), "config", "--quiet", "--skip-check-update"),
        *("--format", "template"),
        *("--template", "{{range .}}{{range .Misconfigurations}}{{.ID}} {{end}}{{end}}"),
        *("--cache-dir", str(folder / "cache"), str(folder / "Dockerfile")),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_hadolint_and_trivy_find_nothing(tmp_path: Path) -> None:
    text = DOCKERFILE.read_text()

    assert (hadolint(text), trivy(tmp_path, text)) == ("", "")


def test_both_would_notice(tmp_path: Path) -> None:
    text = DOCKERFILE.read_text().replace("USER 10001:10001", "USER root")

    assert "DL3002" in hadolint(text)
    assert "DS-0002" in trivy(tmp_path, text)


def test_nothing_is_installed_without_hashes() -> None:
    installs = re.findall(r"pip [^&\n]* install ([^&\n]*)", DOCKERFILE.read_text())

    assert len(installs) == 5
    assert [line for line in installs if "--require-hashes" not in line.split()] == []


def test_nothing_is_for_one_architecture() -> None:
    pins = [path.read_text() for path in (REPOSITORY / "requirements").glob("*.txt")]

    assert "platform_machine" not in "".join(pins)
    assert re.findall(r"amd64|x86_64|arm64|aarch64", DOCKERFILE.read_text()) == []

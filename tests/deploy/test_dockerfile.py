"""The Dockerfile by itself, without building it."""

from __future__ import annotations

import re
import subprocess

from tests.checks import checker
from tests.places import REPOSITORY

DOCKERFILE = REPOSITORY / "Dockerfile"


def test_hadolint_finds_nothing() -> None:
    command = [str(checker("hadolint")), "--no-color", str(DOCKERFILE)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_nothing_is_installed_without_hashes() -> None:
    installs = re.findall(r"pip [^&\n]* install ([^&\n]*)", DOCKERFILE.read_text())

    assert len(installs) == 5
    assert [line for line in installs if "--require-hashes" not in line.split()] == []


def test_nothing_is_for_one_architecture() -> None:
    """A wheel of every pinned package is for any machine, or for arm64 as for amd64."""
    assert re.findall(r"amd64|x86_64|arm64|aarch64", DOCKERFILE.read_text()) == []

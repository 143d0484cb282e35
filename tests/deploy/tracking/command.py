"""`python -m deploy.tracking.rights` in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.tracking import rights
from tests.deploy.tracking.team import ADMINISTRATOR, Team, signed_in


class Command:
    """`python -m deploy.tracking.rights` as the administrator."""

    def __init__(self, team: Team, passwords: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._team, self._passwords, self._capsys = team, passwords, capsys

    def __call__(self, *arguments: str, user: str = ADMINISTRATOR) -> tuple[int, list[str]]:
        """The exit code, and the lines of the output with those of errors."""
        line = ["rights", "--passwords", str(self._passwords), *arguments]
        with pytest.MonkeyPatch.context() as patched, signed_in(user):
            patched.setattr(sys, "argv", [*line, "--tracking-uri", self._team.uri])
            try:
                rights.main()
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
        printed = self._capsys.readouterr()
        return code, (printed.out + printed.err).splitlines()

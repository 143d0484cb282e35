"""What ansible-lint says of deploy/ansible, by its strictest profile."""

from __future__ import annotations

import os
import subprocess

from tests.ansible.plays import FOLDER
from tests.checks import checker


def test_ansible_lint_finds_nothing() -> None:
    lint = checker("ansible-lint")
    done = subprocess.run(
        [lint, "--offline", "--nocolor", "--profile", "production"],
        cwd=FOLDER,
        check=False,
        env={**os.environ, "PATH": os.pathsep.join((str(lint.parent), os.environ["PATH"]))},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed" in done.stderr

"""The programs that check images, chart and Ansible's files; `make checks` installs most."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.components import missing
from tests.places import REPOSITORY

FOLDER = REPOSITORY / ".venv-checks" / "bin"


def checker(name: str, installation: str = "`make checks`") -> Path:
    """The path of a program in .venv-checks or on PATH; skips the test where there is none."""
    path = os.pathsep.join((str(FOLDER), os.environ["PATH"]))
    return Path(shutil.which(name, path=path) or missing(name, installation))

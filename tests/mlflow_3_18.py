"""MLflow 3.18 beside the pinned one: a folder of packages that a server or a client starts with.

Its wheel holds all of `mlflow`, so that the pinned `mlflow-skinny` and `mlflow-tracing` are not
used; its other requirements are those of the pinned one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from registry.ledger.manifest import sha256_of
from tests.components import missing
from tests.places import REPOSITORY

REQUIREMENTS = REPOSITORY / "tests" / "requirements" / "mlflow-3.18.txt"
INSTALL_SECONDS = 240


def mlflow_3_18() -> Path:
    """The folder, installed on first use into the user's cache.

    Skips the test where it cannot be installed, such as without a package index.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fraud-registry"
    folder = cache / f"mlflow-{sha256_of(REQUIREMENTS)[:12]}"
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        target = Path(temporary) / "packages"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        install += ["--require-hashes", "--target", str(target), "-r", str(REQUIREMENTS)]
        done = subprocess.run(
            install, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode != 0:
            missing("MLflow 3.18", (done.stderr.splitlines() or ["pip failed"])[-1])
        target.rename(folder)
    return folder

"""A migrated database of SQLite."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.local.processes import run_to_end


def migrated_database(folder: Path) -> str:
    """The address of a new one, made in another process: MLflow's server warns when imported."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    command = [sys.executable, "-m", "deploy.tracking", "migrate"]
    run_to_end(command, folder / "migrate.log", {"MLFLOW_BACKEND_STORE_URI": uri})
    return uri

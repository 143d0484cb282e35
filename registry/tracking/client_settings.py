"""Defaults of MLflow's client: no call may hang, nothing is printed, and telemetry is off."""

from __future__ import annotations

import os

TIMEOUT_SECONDS = 20
MAX_RETRIES = 3


def set_client_defaults(max_retries: int = MAX_RETRIES) -> None:
    """Set the environment variables that the user has not set.

    To be called before `mlflow` is imported: its import decides about telemetry.
    """
    for name, value in {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(TIMEOUT_SECONDS),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(max_retries),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }.items():
        os.environ.setdefault(name, value)

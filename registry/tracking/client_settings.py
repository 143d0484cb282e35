"""Defaults of MLflow's client: no call hangs, nothing is printed, no telemetry, no model code."""

from __future__ import annotations

import os

TIMEOUT_SECONDS = 20
MAX_RETRIES = 3
NO_MODEL_CODE = {"MLFLOW_ALLOW_MODEL_CODE_EXECUTION": "false"}
"""From 3.18 on, MLflow then loads no model that runs code of its author. 3.17 does not know it."""


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
        **NO_MODEL_CODE,
    }.items():
        os.environ.setdefault(name, value)

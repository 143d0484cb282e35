"""The run that `mlflow run` made for this process: named, since it would have a random name."""

from __future__ import annotations

import os
from contextlib import suppress

from registry.tracking.client import MlflowClient, MlflowException

RUN_NAME_TAG = "mlflow.runName"
"""MLflow's own, as are the two below."""
NOTE_TAG = "mlflow.note.content"
RUN_VARIABLE = "MLFLOW_RUN_ID"


def name_project_run(client: MlflowClient, name: str, note: str = "") -> None:
    """Give the run of this process a name, and a description in Markdown.

    Nothing happens outside `mlflow run`, nor where the server fails: what the process does counts.
    """
    run_id = os.environ.get(RUN_VARIABLE)
    if run_id:
        with suppress(MlflowException):
            client.set_tag(run_id, RUN_NAME_TAG, name)
            if note:
                client.set_tag(run_id, NOTE_TAG, note)

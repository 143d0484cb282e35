"""The service that pulls the ledger's head, verifies it, and answers with it."""

import os

# The service tries again by itself, and says in /healthcheck what went wrong meanwhile; the
# client's own retries would only keep that back.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

# Before anything imports MLflow: it reads some of the settings that `registry` makes (telemetry
# off among them) while it is imported.
import registry  # noqa: F401

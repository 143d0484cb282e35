"""The service that pulls the ledger's head, verifies it, and answers with it."""

import os

# The service tries again by itself, and says in /healthcheck what went wrong meanwhile; retries
# inside a look would only keep that back.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

"""The service that pulls the ledger's head, verifies it, and answers with it."""

import os
import sys

# The service tries again by itself, and says in /healthcheck what went wrong meanwhile; retries
# inside a look would only keep that back.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

# securesystemslib would load Azure's SDK for its Key Vault signer, which nobody needs who only
# reads the ledger.
with_azure = "azure.core" in sys.modules
if not with_azure:
    sys.modules["azure.core"] = None  # type: ignore[assignment]
import registry.ledger.statement  # noqa: E402, F401

if not with_azure:
    del sys.modules["azure.core"]

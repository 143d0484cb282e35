"""The service that pulls the ledger's head, verifies it, and answers with it."""

import os
import sys
import warnings

# The service tries again by itself, and says in /healthcheck what went wrong meanwhile; the
# client's own retries would only keep that back.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

# Without docstrings (PYTHONOPTIMIZE=2, which saves memory) MLflow cannot make some of its own, and
# warns of each; they are of data sources, which nothing here uses.
warnings.filterwarnings("ignore", "Failed to register a dataset source", UserWarning)

# Before anything imports MLflow: it reads some of the settings that `registry` makes (telemetry
# off among them) while it is imported.
import registry  # noqa: E402

# securesystemslib would load the whole client of Entra for its Key Vault signer, which nobody needs
# who only reads the ledger.
with_entra = "azure.identity" in sys.modules
if not with_entra:
    sys.modules["azure.identity"] = None  # type: ignore[assignment]
import registry.statement  # noqa: E402, F401

if not with_entra:
    del sys.modules["azure.identity"]

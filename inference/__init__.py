"""The service that pulls the ledger's head, verifies it, and answers with it."""

# Before anything imports MLflow: it reads some of the settings that `registry` makes (telemetry
# off among them) while it is imported.
import registry  # noqa: F401

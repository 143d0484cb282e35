"""The secrets that a tracking server is started with in tests."""

from __future__ import annotations

SERVER_SECRETS = {
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret" * 6,
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "A" * 43 + "=",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "secret" * 3,
}

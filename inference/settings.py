"""The service's settings, from environment variables."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """Each field is set by the environment variable that its alias names."""

    tracking_uri: str = Field(
        default="",
        validation_alias="MLFLOW_TRACKING_URI",
        description="Address of the MLflow tracking server that holds the ledger",
    )
    ledger_config: Path = Field(
        default=Path(".local/ledger.yaml"),
        validation_alias="FRAUD_LEDGER_CONFIG",
        description="File with the ledger's id and the trusted public keys",
    )
    host: str = Field(
        default="127.0.0.1", validation_alias="FRAUD_HOST", description="Address to listen on"
    )
    port: int = Field(
        default=8000, ge=1, le=65535, validation_alias="FRAUD_PORT", description="Port to listen on"
    )

"""The service's settings, from environment variables."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode

from registry.errors import UsageError, first_error
from registry.ledger.tip import Tip


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether an address, or the name `localhost`, is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("give an address such as http://collector:4318")
    return text


def _parsed_tip(text: str | None) -> Tip | None:
    try:
        return Tip.parse(text) if text else None
    except UsageError as error:
        raise ValueError(str(error)) from error


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
    ledger_floor: Annotated[InstanceOf[Tip] | None, NoDecode, BeforeValidator(_parsed_tip)] = Field(
        default=None,
        validation_alias="FRAUD_LEDGER_FLOOR",
        description="The oldest tip of the ledger that is accepted, as `registry status` prints "
        "it: LEDGER_ID:SEQUENCE:SHA256",
    )
    cache: Path = Field(
        default=Path(".local/cache"),
        validation_alias="FRAUD_CACHE",
        description="Folder for the last verified model and the memory of the ledger's tip; the "
        "only one that is written to",
    )
    poll_seconds: float = Field(
        default=30,
        ge=0,
        le=86_400,
        validation_alias="FRAUD_POLL_SECONDS",
        description="Seconds between looks at the ledger, give or take a fifth; 0 looks at the "
        "start only",
    )
    max_lag_seconds: float = Field(
        default=0,
        ge=0,
        validation_alias="FRAUD_MAX_LAG_SECONDS",
        description="Not ready once the ledger has not confirmed the served model for so long; 0 "
        "sets no limit",
    )
    host: str = Field(
        default="127.0.0.1", validation_alias="FRAUD_HOST", description="Address to listen on"
    )
    port: int = Field(
        default=8000, ge=1, le=65535, validation_alias="FRAUD_PORT", description="Port to listen on"
    )
    auth: Literal["on", "off"] = Field(
        default="on",
        validation_alias="FRAUD_AUTH",
        description="`off` asks for no token, and answers on loopback only",
    )
    tokens: Path = Field(
        default=Path(".local/tokens"),
        validation_alias="FRAUD_TOKENS",
        description="File of hashed bearer tokens, a line `NAME SHA256` each "
        "(`python -m inference token NAME` makes one); read again when it changes",
    )
    metrics_tokens: Path | None = Field(
        default=None,
        validation_alias="FRAUD_METRICS_TOKENS",
        description="File of the tokens that /metrics takes instead, in the same form",
    )
    unknown_fields: Literal["refuse", "ignore"] = Field(
        default="refuse",
        validation_alias="FRAUD_UNKNOWN_FIELDS",
        description="What to do with a transaction's fields that the model does not take",
    )
    batch_rows: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        validation_alias="FRAUD_BATCH_ROWS",
        description="Most transactions in one request",
    )
    body_bytes: int = Field(
        default=1024 * 1024,
        ge=1024,
        validation_alias="FRAUD_BODY_BYTES",
        description="Largest body of a request",
    )
    request_seconds: float = Field(
        default=10,
        gt=0,
        validation_alias="FRAUD_REQUEST_SECONDS",
        description="Longest time that one request may take",
    )
    in_flight: int = Field(
        default=256,
        ge=1,
        validation_alias="FRAUD_IN_FLIGHT",
        description="Most requests at a time in one process; one more gets 503 and Retry-After",
    )
    drain_seconds: float = Field(
        default=5,
        ge=0,
        validation_alias="FRAUD_DRAIN_SECONDS",
        description="After SIGTERM, seconds in which it is not ready but still answers, so that "
        "load balancers notice",
    )
    grace_seconds: int = Field(
        default=20,
        ge=1,
        validation_alias="FRAUD_GRACE_SECONDS",
        description="After that, most seconds for requests in flight to end",
    )
    records: Literal["hash", "values", "off"] = Field(
        default="hash",
        validation_alias="FRAUD_RECORDS",
        description="Prediction records on standard output: with a sha256 of the inputs, with "
        "their values, or none",
    )
    otlp_endpoint: Annotated[str, AfterValidator(_address)] = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector (OTLP over HTTP) to send traces to; none if empty",
    )

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.auth == "off" and not is_loopback(self.host):
            raise ValueError(
                f"FRAUD_AUTH=off answers on loopback only, and FRAUD_HOST is {self.host}; "
                "leave FRAUD_AUTH out and name a file of tokens in FRAUD_TOKENS"
            )
        return self

    @model_validator(mode="after")
    def _lag_needs_looks(self) -> Self:
        if self.max_lag_seconds and self.max_lag_seconds < 2 * self.poll_seconds:
            raise ValueError(
                "FRAUD_MAX_LAG_SECONDS must be at least twice FRAUD_POLL_SECONDS, "
                "or one slow answer would take the service out"
            )
        if self.max_lag_seconds and not self.poll_seconds:
            raise ValueError("FRAUD_MAX_LAG_SECONDS needs a FRAUD_POLL_SECONDS above 0")
        return self


def read_settings() -> Settings:
    """The settings from the environment. Raises UsageError that names the first wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        first = first_error(error)
        where = f"{first.location[0]}: " if first.location else ""
        raise UsageError(f"{where}{first.message}") from error

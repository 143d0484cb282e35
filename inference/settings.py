"""The settings of the service, from environment variables."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from importlib.util import find_spec
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

from features.definitions import MAX_LATENESS_DAYS
from registry.errors import UsageError, first_error
from registry.ledger.tip import Tip
from registry.storage.address import BlobAddress, is_blob_address

CONNECTION_STRING = re.compile(
    "(?i)^(?=.*InstrumentationKey=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(;|$))"
    "(?=.*IngestionEndpoint=https?://)"
)


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a host is `localhost` or a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError("must be a URL such as http://collector:4318")
    return text


def _connection_string(text: str) -> str:
    if text and not CONNECTION_STRING.search(text):
        raise ValueError("must be InstrumentationKey=…;IngestionEndpoint=https://…")
    if text and not (find_spec("azure") and find_spec("azure.monitor")):
        raise ValueError(
            "requires azure-monitor-opentelemetry-exporter; install requirements/telemetry.txt"
        )
    return text


def _store(url: str) -> str:
    if not url.startswith(("memory:", "redis://", "rediss://")):
        raise ValueError("must begin with memory:, redis:// or rediss://")
    return url


def _blob_address(text: str) -> BlobAddress:
    try:
        return BlobAddress.parse(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def _record_destination(address: str) -> str:
    if is_blob_address(address):
        _blob_address(address)
    elif "://" in address:
        raise ValueError("must be a folder or wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH")
    if address and find_spec("pyarrow") is None:
        raise ValueError("requires pyarrow; install requirements/records.txt")
    return address


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", text):
        raise ValueError("must be a path such as /fraud, without a slash at its end")
    return text


def _parsed_tip(text: str | None) -> Tip | None:
    try:
        return Tip.parse(text) if text else None
    except UsageError as error:
        raise ValueError(str(error)) from error


class Settings(BaseSettings):
    """Each field is read from the environment variable that its alias names."""

    tracking_uri: str = Field(
        default="",
        validation_alias="MLFLOW_TRACKING_URI",
        description="URL of the MLflow tracking server that holds the ledger",
    )
    ledger_config: Path = Field(
        default=Path(".local/ledger.yaml"),
        validation_alias="FRAUD_LEDGER_CONFIG",
        description="File with the ledger's id and the trusted public keys",
    )
    ledger_floor: Annotated[InstanceOf[Tip] | None, NoDecode, BeforeValidator(_parsed_tip)] = Field(
        default=None,
        validation_alias="FRAUD_LEDGER_FLOOR",
        description="Oldest accepted tip of the ledger, as `registry status` prints it: "
        "LEDGER_ID:SEQUENCE:SHA256",
    )
    cache: Path = Field(
        default=Path(".local/cache"),
        validation_alias="FRAUD_CACHE",
        description="Folder for the last verified model and the ledger's tip; the only folder "
        "that the service writes to, unless FRAUD_FEATURE_STORE or FRAUD_RECORDS_TO names one",
    )
    poll_seconds: float = Field(
        default=30,
        ge=0,
        le=86_400,
        validation_alias="FRAUD_POLL_SECONDS",
        description="Seconds between polls of the ledger, varied by up to 20 %; 0 stops polling "
        "once a model is served",
    )
    max_lag_seconds: float = Field(
        default=0,
        ge=0,
        validation_alias="FRAUD_MAX_LAG_SECONDS",
        description="Seconds without confirmation of the served model by the ledger, after "
        "which the service is not ready; 0 for no limit",
    )
    host: str = Field(
        default="127.0.0.1", validation_alias="FRAUD_HOST", description="Address to listen on"
    )
    port: int = Field(
        default=8000, ge=1, le=65535, validation_alias="FRAUD_PORT", description="Port to listen on"
    )
    root_path: Annotated[str, AfterValidator(_prefix)] = Field(
        default="",
        validation_alias="FRAUD_ROOT_PATH",
        description="Prefix of the path under which clients see the service, such as `/fraud`, if "
        "the gateway removes it from requests; the API documentation refers to itself with it",
    )
    auth: Literal["on", "off"] = Field(
        default="on",
        validation_alias="FRAUD_AUTH",
        description="`off` requires no token, and allows requests on loopback only",
    )
    tokens: Path = Field(
        default=Path(".local/tokens"),
        validation_alias="FRAUD_TOKENS",
        description="File of hashed bearer tokens, one line `NAME SHA256` each "
        "(`python -m inference token NAME` creates one); reloaded when it changes",
    )
    metrics_tokens: Path | None = Field(
        default=None,
        validation_alias="FRAUD_METRICS_TOKENS",
        description="File of the tokens for /metrics, in the same format; FRAUD_TOKENS if not set",
    )
    unknown_fields: Literal["refuse", "ignore"] = Field(
        default="refuse",
        validation_alias="FRAUD_UNKNOWN_FIELDS",
        description="Whether to `refuse` or `ignore` fields that are not inputs of the model",
    )
    batch_rows: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        validation_alias="FRAUD_BATCH_ROWS",
        description="Maximum number of transactions in a request",
    )
    body_bytes: int | None = Field(
        default=None,
        ge=1024,
        validation_alias="FRAUD_BODY_BYTES",
        description="Maximum size of a request body, in bytes; by default what one transaction "
        "with every input of the model needs, or FRAUD_BATCH_ROWS of them in a table: at least "
        "1 MiB, at most 32 MiB",
    )
    request_seconds: float = Field(
        default=10,
        gt=0,
        validation_alias="FRAUD_REQUEST_SECONDS",
        description="Timeout of a request, in seconds",
    )
    idle_seconds: int = Field(
        default=3900,
        ge=1,
        le=86_400,
        validation_alias="FRAUD_IDLE_SECONDS",
        description="Seconds after which a connection without requests is closed. Keep it above "
        "the gateway's own, by default 3600 for Envoy and 240 for Azure's load balancer: a gateway "
        "that sends a request while the service closes sees a reset",
    )
    in_flight: int = Field(
        default=256,
        ge=1,
        validation_alias="FRAUD_IN_FLIGHT",
        description="Maximum number of concurrent requests per process; more are rejected with "
        "503 and Retry-After",
    )
    drain_seconds: float = Field(
        default=5,
        ge=0,
        validation_alias="FRAUD_DRAIN_SECONDS",
        description="Seconds after SIGTERM during which the service is not ready but still "
        "answers, so that load balancers can notice",
    )
    grace_seconds: int = Field(
        default=20,
        ge=1,
        validation_alias="FRAUD_GRACE_SECONDS",
        description="Maximum number of seconds for requests in flight to finish, after "
        "FRAUD_DRAIN_SECONDS",
    )
    features: Literal["client", "service"] = Field(
        default="service",
        validation_alias="FRAUD_FEATURES",
        description="Who computes the features of a transaction's history and time: the `service`, "
        "for models whose contract says how, or the `client`, who then sends all inputs of the "
        "model",
    )
    feature_store: Annotated[str, AfterValidator(_store)] = Field(
        default="memory:",
        validation_alias="FRAUD_FEATURE_STORE",
        description="Where the history of cards, shops and the like is kept: `memory:` (lost with "
        "the process), `memory:/FOLDER`, or `redis://HOST:PORT` for several workers or pods",
    )
    store_away: Literal["refuse", "answer"] = Field(
        default="refuse",
        validation_alias="FRAUD_STORE_AWAY",
        description="While the feature store is away, `refuse` with 503, or `answer` /predict as "
        "if there was no history, which the answer says; only with a model that passed the gate "
        "`without_history`",
    )
    store_timeout_ms: int = Field(
        default=100,
        ge=1,
        le=60_000,
        validation_alias="FRAUD_STORE_TIMEOUT_MS",
        description="How many milliseconds a request waits for Redis",
    )
    store_failures: int = Field(
        default=5,
        ge=1,
        validation_alias="FRAUD_STORE_FAILURES",
        description="Requests in a row that Redis did not answer, after which it is not asked for "
        "FRAUD_STORE_OPEN_SECONDS",
    )
    store_open_seconds: float = Field(
        default=2,
        ge=0,
        le=3600,
        validation_alias="FRAUD_STORE_OPEN_SECONDS",
        description="For how many seconds Redis is not asked after FRAUD_STORE_FAILURES; then one "
        "request tries",
    )
    max_lateness_days: float = Field(
        default=MAX_LATENESS_DAYS,
        ge=0,
        le=366,
        validation_alias="FRAUD_MAX_LATENESS_DAYS",
        description="How many days older than the newest one a transaction may be",
    )
    max_ahead_seconds: float = Field(
        default=300,
        ge=0,
        le=1e9,
        validation_alias="FRAUD_MAX_AHEAD_SECONDS",
        description="How many seconds ahead of the clock a transaction's time may be; 0 for no "
        "limit, where one wrong clock makes all other transactions too old",
    )
    records: Literal["hash", "values", "off"] = Field(
        default="hash",
        validation_alias="FRAUD_RECORDS",
        description="Prediction records with a sha256 of the inputs (`hash`), "
        "with their values (`values`), or none (`off`)",
    )
    records_to: Annotated[str, AfterValidator(_record_destination)] = Field(
        default="",
        validation_alias="FRAUD_RECORDS_TO",
        description="Folder, or `wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH`, for "
        "prediction records as Parquet files, which needs requirements/records.txt; standard "
        "output if empty",
    )
    records_spool: Path = Field(
        default=Path(".local/records"),
        validation_alias="FRAUD_RECORDS_SPOOL",
        description="Folder on a local disk for the records that are not yet at FRAUD_RECORDS_TO; "
        "workers of one machine may share it",
    )
    records_spool_bytes: int = Field(
        default=1 << 30,
        ge=1 << 20,
        validation_alias="FRAUD_RECORDS_SPOOL_BYTES",
        description="Maximum size of FRAUD_RECORDS_SPOOL, in bytes; records beyond it are dropped "
        "and counted. The disk needs a fifth more",
    )
    otlp_endpoint: Annotated[str, AfterValidator(_url)] = Field(
        default="",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="URL of the OpenTelemetry collector (OTLP over HTTP) for traces; none if empty",
    )
    application_insights: Annotated[str, AfterValidator(_connection_string)] = Field(
        default="",
        validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
        description="Connection string of Azure's Application Insights for traces, which needs "
        "requirements/telemetry.txt; none if empty",
    )

    @model_validator(mode="after")
    def _loopback_without_tokens(self) -> Self:
        if self.auth == "off" and not is_loopback(self.host):
            raise ValueError(
                f"FRAUD_AUTH=off requires a loopback address, and FRAUD_HOST is {self.host}; "
                "unset FRAUD_AUTH and set FRAUD_TOKENS to a token file"
            )
        return self

    @model_validator(mode="after")
    def _max_lag_exceeds_polls(self) -> Self:
        if self.max_lag_seconds and self.max_lag_seconds < 2 * self.poll_seconds:
            raise ValueError(
                "FRAUD_MAX_LAG_SECONDS must be at least twice FRAUD_POLL_SECONDS, "
                "or a single slow poll would make the service not ready"
            )
        if self.max_lag_seconds and not self.poll_seconds:
            raise ValueError("FRAUD_MAX_LAG_SECONDS requires FRAUD_POLL_SECONDS above 0")
        return self


def read_settings() -> Settings:
    """The settings from the environment. Raises UsageError naming the first invalid one."""
    try:
        return Settings()
    except ValidationError as error:
        first = first_error(error)
        variable = f"{first.location[0]}: " if first.location else ""
        raise UsageError(f"{variable}{first.message}") from error

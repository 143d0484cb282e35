"""The service's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from inference.settings import Settings, is_loopback, read_settings
from registry.errors import UsageError
from registry.ledger.tip import Tip

DEFAULTS: dict[str, Any] = {
    "tracking_uri": "",
    "ledger_config": Path(".local/ledger.yaml"),
    "ledger_floor": None,
    "cache": Path(".local/cache"),
    "poll_seconds": 30,
    "max_lag_seconds": 0,
    "host": "127.0.0.1",
    "port": 8000,
    "root_path": "",
    "auth": "on",
    "tokens": Path(".local/tokens"),
    "metrics_tokens": None,
    "unknown_fields": "refuse",
    "batch_rows": 1000,
    "body_bytes": None,
    "request_seconds": 10,
    "idle_seconds": 3900,
    "in_flight": 256,
    "drain_seconds": 5,
    "grace_seconds": 20,
    "features": "service",
    "feature_store": "memory:",
    "store_away": "refuse",
    "store_timeout_ms": 100,
    "store_failures": 5,
    "store_open_seconds": 2.0,
    "max_lateness_days": 1.0,
    "max_ahead_seconds": 300.0,
    "records": "hash",
    "records_to": "",
    "records_spool": Path(".local/records"),
    "records_spool_bytes": 1_073_741_824,
    "otlp_endpoint": "",
    "application_insights": "",
}
INSIGHTS = f"InstrumentationKey={UUID(int=1)};IngestionEndpoint=https://insights.example.com/"
FLOOR = f"payments:3:{'0' * 64}"
VARIABLES = {
    "MLFLOW_TRACKING_URI": ("tracking_uri", "http://mlflow:5000", "http://mlflow:5000"),
    "FRAUD_LEDGER_CONFIG": ("ledger_config", "/etc/ledger.yaml", Path("/etc/ledger.yaml")),
    "FRAUD_LEDGER_FLOOR": ("ledger_floor", FLOOR, Tip("payments", 3, "0" * 64)),
    "FRAUD_CACHE": ("cache", "/cache", Path("/cache")),
    "FRAUD_POLL_SECONDS": ("poll_seconds", "0.5", 0.5),
    "FRAUD_MAX_LAG_SECONDS": ("max_lag_seconds", "60", 60.0),
    "FRAUD_HOST": ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104 (what a container sets)
    "FRAUD_PORT": ("port", "65535", 65535),
    "FRAUD_ROOT_PATH": ("root_path", "/cards/fraud", "/cards/fraud"),
    "FRAUD_AUTH": ("auth", "off", "off"),
    "FRAUD_TOKENS": ("tokens", "/secrets/tokens", Path("/secrets/tokens")),
    "FRAUD_METRICS_TOKENS": ("metrics_tokens", "/secrets/metrics", Path("/secrets/metrics")),
    "FRAUD_UNKNOWN_FIELDS": ("unknown_fields", "ignore", "ignore"),
    "FRAUD_BATCH_ROWS": ("batch_rows", "100000", 100_000),
    "FRAUD_BODY_BYTES": ("body_bytes", "1024", 1024),
    "FRAUD_REQUEST_SECONDS": ("request_seconds", "0.25", 0.25),
    "FRAUD_IDLE_SECONDS": ("idle_seconds", "1", 1),
    "FRAUD_IN_FLIGHT": ("in_flight", "1", 1),
    "FRAUD_DRAIN_SECONDS": ("drain_seconds", "0", 0.0),
    "FRAUD_GRACE_SECONDS": ("grace_seconds", "1", 1),
    "FRAUD_FEATURES": ("features", "client", "client"),
    "FRAUD_FEATURE_STORE": ("feature_store", "memory:/data", "memory:/data"),
    "FRAUD_STORE_AWAY": ("store_away", "answer", "answer"),
    "FRAUD_STORE_TIMEOUT_MS": ("store_timeout_ms", "20", 20),
    "FRAUD_STORE_FAILURES": ("store_failures", "1", 1),
    "FRAUD_STORE_OPEN_SECONDS": ("store_open_seconds", "0.5", 0.5),
    "FRAUD_MAX_LATENESS_DAYS": ("max_lateness_days", "0.5", 0.5),
    "FRAUD_MAX_AHEAD_SECONDS": ("max_ahead_seconds", "0", 0.0),
    "FRAUD_RECORDS": ("records", "values", "values"),
    "FRAUD_RECORDS_TO": ("records_to", "/records", "/records"),
    "FRAUD_RECORDS_SPOOL": ("records_spool", "/spool", Path("/spool")),
    "FRAUD_RECORDS_SPOOL_BYTES": ("records_spool_bytes", "1048576", 1_048_576),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("otlp_endpoint", "http://otel:4318", "http://otel:4318"),
    "APPLICATIONINSIGHTS_CONNECTION_STRING": ("application_insights", INSIGHTS, INSIGHTS),
}


def test_without_any_variable_the_service_listens_on_loopback_and_asks_for_tokens() -> None:
    assert dict(Settings()) == DEFAULTS


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_setting_is_read_from_its_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, text, value = VARIABLES[variable]
    monkeypatch.setenv(variable, text)
    assert dict(read_settings()) == DEFAULTS | {field: value}


def test_every_setting_has_a_variable_and_a_description() -> None:
    fields = {one.validation_alias: name for name, one in Settings.model_fields.items()}
    assert fields == {variable: field for variable, (field, _, _) in VARIABLES.items()}
    assert all(one.description for one in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        *(
            ("FRAUD_PORT", port, "Input should be a valid integer, unable to parse string as an ")
            for port in ("abc", "", "80.5", "1e3")
        ),
        ("FRAUD_PORT", "0", "Input should be greater than or equal to 1"),
        ("FRAUD_PORT", "-1", "Input should be greater than or equal to 1"),
        ("FRAUD_PORT", "65536", "Input should be less than or equal to 65535"),
        ("FRAUD_AUTH", "none", "Input should be 'on' or 'off'"),
        ("FRAUD_UNKNOWN_FIELDS", "yes", "Input should be 'refuse' or 'ignore'"),
        ("FRAUD_RECORDS", "all", "Input should be 'hash', 'values' or 'off'"),
        ("FRAUD_RECORDS_TO", "s3://records", "must be a folder or wasbs://CONTAINER@ACCOUNT.blob."),
        ("FRAUD_RECORDS_TO", "wasbs://records", "the address names no storage account; "),
        ("FRAUD_RECORDS_SPOOL_BYTES", "1048575", "Input should be greater than or equal to 1"),
        ("FRAUD_POLL_SECONDS", "-1", "Input should be greater than or equal to 0"),
        ("FRAUD_REQUEST_SECONDS", "0", "Input should be greater than 0"),
        ("FRAUD_BATCH_ROWS", "0", "Input should be greater than or equal to 1"),
        ("FRAUD_BATCH_ROWS", "100001", "Input should be less than or equal to 100000"),
        ("FRAUD_BODY_BYTES", "1023", "Input should be greater than or equal to 1024"),
        ("FRAUD_IDLE_SECONDS", "0", "Input should be greater than or equal to 1"),
        ("FRAUD_IDLE_SECONDS", "1.5", "Input should be a valid integer"),
        *(
            ("FRAUD_ROOT_PATH", path, "must be a path such as /fraud, without a slash at its end")
            for path in ("fraud", "/", "/fraud/", "//fraud", "/a?b", "/<script>", "/fraud\n")
        ),
        ("FRAUD_IN_FLIGHT", "0", "Input should be greater than or equal to 1"),
        ("FRAUD_GRACE_SECONDS", "0", "Input should be greater than or equal to 1"),
        ("FRAUD_LEDGER_FLOOR", "payments", ""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4317", "must be a URL such as http://"),
        *(
            ("APPLICATIONINSIGHTS_CONNECTION_STRING", text, "must be InstrumentationKey=…;")
            for text in ("x", f"InstrumentationKey={UUID(int=1)}", INSIGHTS.replace("0", "x"))
        ),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_under_the_name_of_its_variable(
    variable: str, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(UsageError) as refusal:
        read_settings()
    assert str(refusal.value).startswith(f"{variable}: {said}")
    assert "\n" not in str(refusal.value)


def refusal_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refusal:
        read_settings()
    return str(refusal.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "fraud.example"])  # noqa: S104
def test_without_tokens_it_may_listen_on_loopback_only(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal_of(monkeypatch, FRAUD_AUTH="off", FRAUD_HOST=host) == (
        f"FRAUD_AUTH=off requires a loopback address, and FRAUD_HOST is {host}; "
        "unset FRAUD_AUTH and set FRAUD_TOKENS to a token file"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_hosts_are_recognized(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_loopback(host)
    monkeypatch.setenv("FRAUD_AUTH", "off")
    monkeypatch.setenv("FRAUD_HOST", host)
    assert read_settings().host == host


@pytest.mark.parametrize("host", ["", "localhost.example", "0.0.0.0", "128.0.0.1", "::"])  # noqa: S104
def test_other_names_and_addresses_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_a_lag_limit_below_two_polls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_MAX_LAG_SECONDS", "60")
    assert read_settings().max_lag_seconds == 60
    assert refusal_of(monkeypatch, FRAUD_MAX_LAG_SECONDS="59.9") == (
        "FRAUD_MAX_LAG_SECONDS must be at least twice FRAUD_POLL_SECONDS, "
        "or a single slow poll would make the service not ready"
    )


def test_a_lag_limit_without_polling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal_of(monkeypatch, FRAUD_MAX_LAG_SECONDS="60", FRAUD_POLL_SECONDS="0")
    assert said == "FRAUD_MAX_LAG_SECONDS requires FRAUD_POLL_SECONDS above 0"

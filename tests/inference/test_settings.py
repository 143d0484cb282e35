"""The service's settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from inference.settings import Settings


def test_without_any_variable_the_service_listens_on_loopback_only() -> None:
    assert Settings().model_dump() == {
        "tracking_uri": "",
        "ledger_config": Path(".local/ledger.yaml"),
        "host": "127.0.0.1",
        "port": 8000,
    }


def test_each_setting_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    monkeypatch.setenv("FRAUD_LEDGER_CONFIG", "/etc/fraud/ledger.yaml")
    monkeypatch.setenv("FRAUD_HOST", "0.0.0.0")  # noqa: S104 (what a container sets)
    monkeypatch.setenv("FRAUD_PORT", "65535")
    assert Settings().model_dump() == {
        "tracking_uri": "http://mlflow:5000",
        "ledger_config": Path("/etc/fraud/ledger.yaml"),
        "host": "0.0.0.0",  # noqa: S104
        "port": 65535,
    }


@pytest.mark.parametrize("port", ["abc", "", "0", "-1", "65536", "80.5", "1e3"])
def test_a_wrong_port_is_refused_under_the_name_of_its_variable(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_PORT", port)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert [one["loc"] for one in refusal.value.errors()] == [("FRAUD_PORT",)]

"""The server answers under its own names, with and without the port, and under no others."""

from __future__ import annotations

import pytest
from mlflow.server.security_utils import is_allowed_host_header, should_block_cors_request

from deploy.tracking.hosts import allowed_hosts, allowed_origins
from deploy.tracking.settings import TrackingSettings


def settings(hosts: str = "", pod_ip: str = "") -> TrackingSettings:
    return TrackingSettings.model_construct(hosts=hosts, pod_ip=pod_ip, port=5000)


@pytest.mark.parametrize(
    ("hosts", "pod_ip", "expected"),
    [
        ("", "", "localhost,localhost:5000,127.0.0.1,127.0.0.1:5000"),
        (
            "mlflow.example.com, mlflow.fraud.svc:80",
            "10.0.0.7",
            "localhost,localhost:5000,127.0.0.1,127.0.0.1:5000,"
            "mlflow.example.com,mlflow.example.com:5000,mlflow.fraud.svc:80,"
            "10.0.0.7,10.0.0.7:5000",
        ),
        (
            "",
            "fd00::7",
            "localhost,localhost:5000,127.0.0.1,127.0.0.1:5000,[fd00::7],[fd00::7]:5000",
        ),
    ],
)
def test_names_are_exact(hosts: str, pod_ip: str, expected: str) -> None:
    assert allowed_hosts(settings(hosts, pod_ip)) == expected


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("mlflow.example.com", True),
        ("10.0.0.7:5000", True),
        ("10.evil.example", False),
        ("192.168.evil.example", False),
        ("mlflow.example.com.evil.example", False),
        ("", False),
    ],
)
def test_names_that_mlflow_lets_pass_by_default_are_refused(name: str, is_allowed: bool) -> None:
    allowed = allowed_hosts(settings("mlflow.example.com", "10.0.0.7")).split(",")

    assert is_allowed_host_header(allowed, name) is is_allowed


@pytest.mark.parametrize(
    ("origin", "is_blocked"),
    [
        ("https://mlflow.example.com", False),
        ("http://localhost:5000", False),
        ("http://mlflow.example.com", True),
        ("https://evil.example", True),
        ("https://mlflow.example.com.evil.example", True),
        ("null", True),
    ],
)
def test_pages_of_the_server_itself_may_change_things_and_others_may_not(
    origin: str, is_blocked: bool
) -> None:
    allowed = allowed_origins(settings("mlflow.example.com, mlflow.fraud.svc:80", "10.0.0.7"))

    assert allowed == "https://mlflow.example.com,https://mlflow.fraud.svc:80"
    assert should_block_cors_request(origin, "POST", allowed.split(",")) is is_blocked

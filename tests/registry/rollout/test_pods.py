"""Which pods there are, by address and by name."""

from __future__ import annotations

import socket

import pytest

from registry.errors import UsageError
from registry.rollout.pods import find_pods, pod_address, service_name


def test_a_pods_address_has_no_path() -> None:
    assert pod_address("http://10.0.0.7:8000/") == "http://10.0.0.7:8000"
    assert pod_address("https://[fd00::1]:8443") == "https://[fd00::1]:8443"


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.7:8000",
        "ftp://10.0.0.7",
        "http://",
        "http://a:0",
        "http://a:x",
        "http://user:secret@a",
        "http://a/model",
        "http://a?x",
    ],
)
def test_another_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--pod takes a pod's address, such as") as error:
        pod_address(text)
    assert "secret" not in str(error.value)


def test_a_service_has_a_name_and_a_port() -> None:
    assert service_name("fraud-inference-pods") == ("fraud-inference-pods", 8000)
    assert service_name("pods.fraud.svc.cluster.local:9000") == (
        "pods.fraud.svc.cluster.local",
        9000,
    )


@pytest.mark.parametrize("text", ["", "a:", "a:0", "a:65536", "http://a", "a b", "a:1:2"])
def test_another_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--pods takes the DNS name of a headless Service"):
        service_name(text)


def test_a_name_stands_for_all_its_addresses_now(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, port: int, type: int) -> list[object]:  # noqa: A002
        assert (name, type) == ("pods", socket.SOCK_STREAM)
        return [
            (socket.AF_INET, type, 6, "", ("10.0.0.7", port)),
            (socket.AF_INET6, type, 6, "", ("fd00::1", port, 0, 0)),
        ]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    assert find_pods(["http://a:1"], [("pods", 8000)]) == {
        "http://a:1",
        "http://10.0.0.7:8000",
        "http://[fd00::1]:8000",
    }


def test_a_name_that_is_not_known_has_no_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror

    assert find_pods([], [("pods..example", 8000)]) == set()
    monkeypatch.setattr("socket.getaddrinfo", resolve)
    assert find_pods(["http://a:1"], [("pods", 8000)]) == {"http://a:1"}

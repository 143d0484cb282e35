"""The proxy leads known hosts to loopback, and refuses all others."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from deploy.local.azure_proxy import azure_proxy
from deploy.local.processes import free_port


@pytest.fixture
def proxy() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as target:
        ports = {"known.example": target.getsockname()[1], "away.example": free_port()}
        with azure_proxy(ports.get) as url:
            yield "127.0.0.1", int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"CONNECT known.example:443 HTTP/1.1", b"200"),
        (b"CONNECT away.example:443 HTTP/1.1", b"502"),
        (b"CONNECT example.org:443 HTTP/1.1", b"403"),
        (b"GET http://known.example/ HTTP/1.1", b"403"),
        (b"CONNECT", b"403"),
        (b"\xff\xff \xff\xff", b"403"),
        (b"", b"403"),
    ],
)
def test_only_known_hosts_are_led_on(
    proxy: tuple[str, int], request_line: bytes, status: bytes
) -> None:
    with socket.create_connection(proxy, timeout=10) as client:
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")

        assert client.recv(100).split()[1] == status

"""Which pods there are: named by their addresses, or behind the DNS name of a headless Service."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from registry.errors import UsageError

DEFAULT_PORT = 8000
NAME = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?")


def pod_address(text: str) -> str:
    """A pod's http(s) address, without a path. Raises UsageError."""
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise UsageError("--pod takes a pod's address, such as http://10.0.0.7:8000")
    return f"{parts.scheme}://{parts.netloc}"


def service_name(text: str) -> tuple[str, int]:
    """The DNS name and the port of NAME[:PORT]. Raises UsageError."""
    match = NAME.fullmatch(text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65_536:
        raise UsageError(
            "--pods takes the DNS name of a headless Service, with or without a port, such as "
            "fraud-inference-pods:8000"
        )
    return match["name"], port


def find_pods(addresses: Sequence[str], names: Sequence[tuple[str, int]]) -> set[str]:
    """The addresses, and those that the names stand for now. A name that is not known has none."""
    found = set(addresses)
    for name, port in names:
        try:
            resolved = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            continue
        for family, *_, place in resolved:
            host = f"[{place[0]}]" if family == socket.AF_INET6 else str(place[0])
            found.add(f"http://{host}:{port}")
    return found

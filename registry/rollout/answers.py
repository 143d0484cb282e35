"""One pod asked: what it serves (/model), and what it has counted (/metrics).

With Python's own `http.client`: it follows no redirect, which could lead the token elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from registry.errors import UsageError, on_one_line
from registry.rollout.counts import Counts, read_metrics

CALL_SECONDS = 5.0
"""Time for one call, from the connection to the end of the response."""
MAX_BYTES = 2**24
CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class Served:
    """A model by its ledger version and the sha256 of its ONNX file."""

    version: int
    digest: str

    def __str__(self) -> str:
        return f"version {self.version} ({self.digest[:12]})"


@dataclass(frozen=True)
class Answer:
    """What a pod serves, all its workers together, and what it has counted since it started."""

    models: frozenset[Served]
    counts: Counts
    swaps: int = 0


@dataclass(frozen=True)
class NoAnswer:
    """Why a pod did not answer; `starting` is one that has no model yet."""

    reason: str
    starting: bool = False


@dataclass(frozen=True)
class Tokens:
    """The bearer tokens for /model and for /metrics; empty for none."""

    model: str = ""
    metrics: str = ""


def read_tokens(environment: Mapping[str, str] = os.environ) -> Tokens:
    """FRAUD_TOKEN and, where the service has others for /metrics, FRAUD_METRICS_TOKEN; or the files
    that FRAUD_TOKEN_FILE and FRAUD_METRICS_TOKEN_FILE name. Raises UsageError.
    """
    model = _token(environment, "FRAUD_TOKEN")
    return Tokens(model, _token(environment, "FRAUD_METRICS_TOKEN") or model)


def _token(environment: Mapping[str, str], name: str) -> str:
    token, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if file and not token:
        try:
            token = Path(file).read_text()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise UsageError(f"{name}_FILE cannot be read ({file}: {reason})") from error
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{name} is not one token, as `python -m inference token` prints it")
    return token


def ask(address: str, tokens: Tokens) -> Answer | NoAnswer:
    """What a pod answers to both questions. Raises UsageError where it refuses a token."""
    try:
        status, body = _get(address, "/model", tokens.model)
        _check_token(address, "/model", status, "FRAUD_TOKEN")
        if status == 503:
            return NoAnswer("it has no model yet", starting=True)
        if status != 200:
            return NoAnswer(f"/model answers HTTP {status}")
        model = json.loads(body)
        served = _served(model["version"], model["digest"])
        status, body = _get(address, "/metrics", tokens.metrics)
        _check_token(address, "/metrics", status, "FRAUD_METRICS_TOKEN")
        if status != 200:
            return NoAnswer(f"/metrics answers HTTP {status}")
        counts, models, swaps = read_metrics(body.decode())
        by_worker = {_served(version, digest) for version, digest in models}
    except (HTTPException, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return NoAnswer(on_one_line(reason)[:200])
    except (ValueError, KeyError, TypeError, RecursionError):
        return NoAnswer("its answer is not that of an inference service")
    return Answer(frozenset({served} | by_worker), counts, swaps)


def _served(version: int | str, digest: str) -> Served:
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(digest)
    return Served(int(version), digest)


def _check_token(address: str, path: str, status: int, variable: str) -> None:
    if status in (401, 403):
        raise UsageError(
            f"{address} refuses the token for {path} (HTTP {status}); set {variable} or "
            f"{variable}_FILE to one that it knows"
        )


def _get(address: str, path: str, token: str) -> tuple[int, bytes]:
    """Status and body. Raises OSError, or HTTPException, for none within `CALL_SECONDS`."""
    parts = urlsplit(address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CALL_SECONDS)
    deadline = time.monotonic() + CALL_SECONDS

    def abort() -> None:
        with suppress(OSError):  # closed already
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(CALL_SECONDS, abort)
    timer.daemon = True
    try:
        connection.connect()
        sock = connection.sock  # which a response without a length takes from the connection
        timer.start()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            body = bytearray()
            while chunk := response.read1(CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise HTTPException(f"{path} answers more than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} took over {CALL_SECONDS:g} s")
            if response.length:
                raise HTTPException(f"{path} ended early")
            return response.status, bytes(body)
    except (HTTPException, OSError) as error:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} took over {CALL_SECONDS:g} s") from error
        raise
    finally:
        timer.cancel()
        connection.close()

"""Servers as child processes on loopback: started, waited for, and stopped by process group."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from registry.tracking.client_settings import NO_MODEL_CODE

STOP_SECONDS = 10.0
START_SECONDS = 60.0


class NotStarted(Exception):
    """A server did not start; the message names its log."""


def free_port() -> int:
    """A port on 127.0.0.1 that no process listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@contextmanager
def running(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in its own process group; stop the whole group on exit.

    Its own group also keeps a Ctrl-C at the terminal from stopping it before its clients.
    `environment` is added to ours; MLflow runs no code of a model there, unless ours says so.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**NO_MODEL_CODE, **os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    """Stop a process and the children in its group: SIGTERM first, SIGKILL after a timeout."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait(STOP_SECONDS)


def run_to_end(command: list[str], log: Path, environment: Mapping[str, str]) -> None:
    """Run a program that ends by itself. Raises NotStarted with its last line if it fails."""
    with running(command, log, environment) as process:
        failed = process.wait()
    if failed:
        lines = log.read_text(errors="replace").splitlines() or ["no output"]
        raise NotStarted(f"`{shlex.join(command[1:4])}` failed: {lines[-1]}; see {log}")


def status_of(url: str) -> int | None:
    """The status code of a GET request; None if there is no answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 (only loopback addresses)
            return int(response.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return None


def wait_until_ok(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until `url` answers 200. Raises NotStarted if the process ends or the time is up."""
    deadline = time.monotonic() + START_SECONDS
    while status_of(url) != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted(f"no answer from {url}; see {log}")
        time.sleep(0.1)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a loopback port takes connections. Raises NotStarted as `wait_until_ok` does."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted(f"nothing listens on port {port}; see {log}") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def mlflow_server(
    folder: Path,
    port: int,
    *arguments: str,
    workers: int = 1,
    backend_store_uri: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """A real tracking server with local artifacts below `folder`; yields its address.

    Its database is SQLite in `folder`, unless `backend_store_uri` names another one. It gets these
    further arguments and environment variables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    backend_store_uri = backend_store_uri or f"sqlite:///{folder.absolute()}/mlflow.db"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", str(workers)),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", backend_store_uri),
        *("--artifacts-destination", str(folder.absolute() / "artifacts")),
        *arguments,
    ]
    # Background jobs would take 2.5 GB of memory, and nothing here uses them.
    variables = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **(environment or {})}
    log, address = folder / "mlflow.log", f"http://127.0.0.1:{port}"
    with running(command, log, variables) as process:
        wait_until_ok(process, f"{address}/health", log)
        yield address


@contextmanager
def tracking_server(
    port: int, log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m deploy.tracking serve`, from when its database answers until the block ends."""
    command = [sys.executable, "-m", "deploy.tracking", "serve"]
    with running(command, log, {**environment, "MLFLOW_PORT": str(port)}) as process:
        wait_until_ok(process, f"http://127.0.0.1:{port}/ready", log)
        yield process


@contextmanager
def inference_service(
    tracking_uri: str, ledger_config: Path, port: int, log: Path, **settings: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`python -m inference` on loopback, without waiting until it is ready; yields its address.

    It requires no token, and keeps its cache beside the ledger's configuration; `settings` are
    further environment variables.
    """
    environment = {
        "FRAUD_LEDGER_CONFIG": str(ledger_config),
        "FRAUD_CACHE": str(ledger_config.parent / "cache"),
        "FRAUD_PORT": str(port),
        "FRAUD_AUTH": "off",
        "FRAUD_DRAIN_SECONDS": "0",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # or the caller's setting would be inherited
        **settings,
        "MLFLOW_TRACKING_URI": tracking_uri,
    }
    with running([sys.executable, "-m", "inference"], log, environment) as process:
        yield f"http://127.0.0.1:{port}", process

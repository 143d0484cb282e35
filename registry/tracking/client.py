"""The tracking server through MLflow's own client: writing, and files that it does not proxy.

The only module of `registry` that imports `mlflow`, so that its defaults are set first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from requests import RequestException

from registry.errors import NotFound, RegistryError, Unreachable, on_one_line
from registry.ledger.chain import Ledger
from registry.ledger.files import Files, read_file, read_files
from registry.ledger.fold import fold
from registry.ledger.trust import Trust
from registry.temporary import temporary_folder
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.rest import Registry

set_client_defaults()
import mlflow.artifacts  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import LoggedModel, Metric, Run, RunInfo, ViewType  # noqa: E402
from mlflow.entities.model_registry import ModelVersion  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.artifact.artifact_repository_registry import (  # noqa: E402
    get_artifact_repository,
)
from mlflow.store.entities import PagedList  # noqa: E402

__all__ = [
    "LoggedModel",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "ModelVersion",
    "PagedList",
    "Run",
    "RunInfo",
    "ViewType",
    "connect",
    "delete_files",
    "download",
    "download_file",
    "read_ledger",
    "reason_of",
    "server_errors",
    "suppress_exists",
    "suppress_missing",
]

AWAY = re.compile(
    r"Pool\(host='(?P<host>[^']+)', port=(?P<port>\d+)\): "
    r"Max retries exceeded with url: (?P<path>[^? ]{1,200})"
)
CAUSE = re.compile(r"\[Errno -?\d+\] ([A-Z][\w ]+)")
MAX_REASON = 400
"""Characters of the server's message in an error."""


def connect(uri: str | None) -> MlflowClient:
    """A client of the tracking server at `uri`; nothing is sent yet.

    Raises UsageError as `Registry` does.
    """
    address = Registry(uri).uri
    return MlflowClient(tracking_uri=address, registry_uri=address)


def read_ledger(client: MlflowClient, trust: Trust) -> Ledger:
    """List the versions of `fraud-detector-production` and fold them; raises what these raise."""
    return fold(Registry(client.tracking_uri).versions(), trust)


def download(client: MlflowClient, source: str, max_bytes: int) -> Files:
    """The files at an artifact address. They are unverified: hash them before use.

    Raises Unreachable, also where the server has no such files, and BytesMismatch for more than
    `max_bytes`.
    """
    with _downloaded(client, source) as folder:
        return read_files(folder, max_bytes)


def download_file(client: MlflowClient, source: str, max_bytes: int) -> bytes:
    """As `download`, for the address of one file."""
    with _downloaded(client, source) as path:
        return read_file(path, max_bytes)


def delete_files(client: MlflowClient, address: str) -> None:
    """Delete everything at an artifact address, through the server where it proxies it.

    Raises MlflowException and RequestException.
    """
    store = get_artifact_repository(address, tracking_uri=client.tracking_uri)
    store.delete_artifacts()  # type: ignore[no-untyped-call]


@contextmanager
def _downloaded(client: MlflowClient, source: str) -> Iterator[Path]:
    """Where MLflow has downloaded to: a temporary folder, or the one file in it."""
    operation = f"downloading {source}"
    with ExitStack() as temporary:
        with _malformed_responses(operation), server_errors(operation):
            folder = temporary.enter_context(temporary_folder("download-"))
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=source,
                dst_path=str(folder),
                tracking_uri=client.tracking_uri,
                registry_uri=client.tracking_uri,
            )
        yield Path(path)


@contextmanager
def server_errors(operation: str) -> Iterator[None]:
    """Turn what MLflow's client raises into NotFound or Unreachable, naming the operation."""
    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(f"{operation}: {reason_of(error)}") from error
        raise Unreachable(f"{operation}: {reason_of(error)}") from error
    except (RequestException, OSError) as error:
        raise Unreachable(f"{operation}: {reason_of(error)}") from error


@contextmanager
def suppress_exists() -> Iterator[None]:
    """Go on where the thing to create exists already, such as by a concurrent command."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def suppress_missing() -> Iterator[None]:
    """Go on where the thing to read or delete is not there, or not any more."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


@contextmanager
def _malformed_responses(operation: str) -> Iterator[None]:
    """Turn whatever MLflow's client raises on a response it cannot parse into Unreachable."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:
        raise Unreachable(f"{operation}: not an MLflow response ({reason_of(error)})") from error


def reason_of(error: Exception) -> str:
    """What went wrong, on one line. Of a server that is away, urllib3 tells 500 characters."""
    if away := AWAY.search(str(error)):
        cause = (CAUSE.findall(str(error)) or ["no answer"])[-1]
        server = f"{away['host']}:{away['port']}"
        path = on_one_line(away["path"])
        # The server answers for its storage, and waits for it longer than we wait for the server.
        behind = "; the storage behind it may be away" if "/mlflow-artifacts/" in path else ""
        return f"no tracking server at {server} answers {path} ({cause}){behind}"
    lines = str(error).splitlines() or [type(error).__name__]
    if lines[0].endswith(":"):  # of a failed download, only the next lines say which file, and why
        lines[0] = " ".join(lines[:3])
    return on_one_line(lines[0])[:MAX_REASON]

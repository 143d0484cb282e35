"""The tracking server through MLflow's client: what commands and training need beyond reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from requests import RequestException

from registry.errors import NotFound, RegistryError, Unreachable, on_one_line
from registry.ledger.chain import Ledger
from registry.ledger.fold import fold
from registry.ledger.trust import Trust
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.rest import Registry

set_client_defaults()  # before mlflow is imported, and it is imported nowhere else in registry
import mlflow.artifacts  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities.model_registry import ModelVersion  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

__all__ = [
    "MlflowClient",
    "MlflowException",
    "ModelVersion",
    "connect",
    "download",
    "read_ledger",
    "server_errors",
    "suppress_exists",
]


@contextmanager
def server_errors(doing: str) -> Iterator[None]:
    """Turn what the MLflow client raises into NotFound or Unreachable, naming the deed."""
    try:
        yield
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFound(f"{doing}: {_first_line(error)}") from error
        raise Unreachable(f"{doing}: {_first_line(error)}") from error
    except (RequestException, OSError) as error:
        raise Unreachable(f"{doing}: {_first_line(error)}") from error


@contextmanager
def suppress_exists() -> Iterator[None]:
    """Go on where somebody else made the same thing first."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


@contextmanager
def _understood(doing: str) -> Iterator[None]:
    """Turn what the MLflow client's parsing raises into Unreachable: no MLflow answered."""
    try:
        yield
    except RegistryError:
        raise
    except Exception as error:  # whatever parsing a stranger's answer raises
        raise Unreachable(f"{doing}: the answer is not MLflow's ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    if lines[0].endswith(":"):  # of a failed download, only the next lines say which file, and why
        lines[0] = " ".join(lines[:3])
    return on_one_line(lines[0])[:400]


def connect(uri: str | None) -> MlflowClient:
    """A client of the tracking server at `uri`; nothing is sent yet.

    Raises UsageError as `Registry` does.
    """
    address = Registry(uri).uri
    return MlflowClient(tracking_uri=address, registry_uri=address)


def read_ledger(client: MlflowClient, trust: Trust) -> Ledger:
    """List the versions of `fraud-detector-production` and fold them; raises what these raise."""
    return fold(Registry(client.tracking_uri).versions(), trust)


def download(client: MlflowClient, source: str, destination: Path) -> Path:
    """Fetch the files at an artifact address into the folder `destination`; return where they are.

    The bytes are as the server gives them: hash them before use. Raises Unreachable, also where
    the server has no such files.
    """
    with _understood(f"fetching {source}"), server_errors(f"fetching {source}"):
        folder = mlflow.artifacts.download_artifacts(
            artifact_uri=source,
            dst_path=str(destination),
            tracking_uri=client.tracking_uri,
            registry_uri=client.tracking_uri,
        )
    return Path(folder)

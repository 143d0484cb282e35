"""The tracking server, as this product uses it: where things are, and reading them.

Only what a serving pod needs lives here, so it runs on mlflow-skinny.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from requests import RequestException

from registry.errors import (
    NotFound,
    RegistryError,
    Unreachable,
    UsageError,
    VerificationError,
    on_one_line,
)
from registry.fold import fold
from registry.ledger import Ledger, Version
from registry.trust import Trust

CANDIDATES = "fraud-detector"
PRODUCTION = "fraud-detector-production"
EVIDENCE_EXPERIMENT = "fraud-detector-promotions"
STATEMENT_TAG = "statement"
PROMPT_TAG = "mlflow.prompt.is_prompt"
STAGING_ALIAS = "staging"
PRODUCTION_ALIAS = "production"


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

    Raises UsageError for anything but an http(s) address: the ledger needs one server that
    everybody reads, not a local folder.
    """
    if not uri or not uri.startswith(("http://", "https://")):
        raise UsageError(
            "set MLFLOW_TRACKING_URI to the tracking server's address, "
            "such as http://127.0.0.1:5000 (`make demo` starts one there)"
        )
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def read_ledger(client: MlflowClient, trust: Trust) -> Ledger:
    """List the versions of `fraud-detector-production` and fold them.

    Raises as `read_versions`, and VerificationError where the ledger does not extend the floor.
    """
    ledger = fold(read_versions(client), trust)
    if trust.floor is not None:
        trust.floor.require(ledger)
    return ledger


def read_versions(client: MlflowClient) -> list[Version]:
    """The versions of `fraud-detector-production`, as the server tells them, by number.

    Raises Unreachable, and VerificationError where the server has versions that it does not list.
    """
    with _understood("reading the ledger"), server_errors("reading the ledger"):
        versions = _listed(client)
        if not versions and _has_versions(client):
            versions = _listed(client)  # the first may have landed after the list was made
            if not versions:
                raise VerificationError(
                    f"MLflow hides the versions of {PRODUCTION}: one of them, or one that was "
                    f"deleted, carries the tag {PROMPT_TAG}; take that tag off, in the database "
                    "if need be"
                )
    return versions


def _listed(client: MlflowClient) -> list[Version]:
    versions: list[Version] = []
    while True:
        # The server counts its pages in places: by a page token, a version could slip from
        # one page to another that was read before, if others are touched or deleted meanwhile.
        last = versions[-1].number if versions else 0
        page = client.search_model_versions(
            f"name='{PRODUCTION}' and version_number > {last}",
            max_results=1000,
            order_by=["version_number ASC"],
        )
        versions += (
            Version(int(one.version), one.source or "", one.tags.get(STATEMENT_TAG)) for one in page
        )
        if not page.token:
            return versions


def _has_versions(client: MlflowClient) -> bool:
    """Whether the registered model has versions, listed or not.

    MLflow lists no version of a model as soon as one of them has the tag that marks prompts; an
    empty ledger would invite a first promotion, which is compared with nothing.
    """
    name = f"name='{PRODUCTION}'"
    return any(
        model.latest_versions
        for kind in (name, f"{name} and tags.`{PROMPT_TAG}` = 'true'")
        for model in client.search_registered_models(kind)
    )


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

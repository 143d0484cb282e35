"""Candidates: the versions of the registered model `fraud-detector`, and the one in Staging."""

from __future__ import annotations

from registry.errors import NotFound, UsageError
from registry.ledger.files import MAX_MODEL_BYTES, Files
from registry.tracking.client import (
    MlflowClient,
    MlflowException,
    ModelVersion,
    download,
    server_errors,
)
from registry.tracking.names import CANDIDATES, STAGING_ALIAS

STAGING = "staging"


def candidate(client: MlflowClient, which: str) -> ModelVersion:
    """The candidate with version number `which`, or the one in Staging for the word `staging`.

    Raises NotFound, whose message says how to make one, and UsageError for any other word.
    """
    if which != STAGING and not which.isdecimal():
        raise UsageError(f"{which!r} is neither a candidate's version number nor `{STAGING}`")
    try:
        with server_errors(f"reading candidate {which}"):
            if which == STAGING:
                return staged(client) or _nothing_staged()
            return client.get_model_version(CANDIDATES, which)
    except NotFound as error:
        if which == STAGING:
            raise
        raise NotFound(f"there is no candidate {which}; train one with `mlflow run .`") from error


def _nothing_staged() -> ModelVersion:
    raise NotFound("no candidate is in Staging; put one there with `registry stage VERSION`")


def staged(client: MlflowClient) -> ModelVersion | None:
    """The candidate in Staging, if there is one. Raises Unreachable."""
    try:
        return client.get_model_version_by_alias(CANDIDATES, STAGING_ALIAS)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        with server_errors("reading Staging"):
            raise


def stage(client: MlflowClient, which: str) -> ModelVersion:
    """Put a candidate in Staging, in place of the one that was there."""
    version = candidate(client, which)
    with server_errors(f"staging candidate {which} (stage it again once the server works)"):
        client.set_registered_model_alias(CANDIDATES, STAGING_ALIAS, str(version.version))
    return version


def download_candidate(client: MlflowClient, version: ModelVersion) -> Files:
    """A candidate's files, unverified, from the artifact store.

    Not from the `models:/` address, to whose files MLflow adds one of its own.
    """
    source = str(version.source)
    if source.startswith("models:/m-"):
        with server_errors(f"reading candidate {version.version}"):
            source = client.get_logged_model(source.removeprefix("models:/")).artifact_location
    return download(client, source, MAX_MODEL_BYTES)

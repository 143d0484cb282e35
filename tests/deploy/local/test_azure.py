"""Azure's own clients, unchanged, reach a storage account on this machine by an identity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient, ContainerClient

from deploy.local.azure import LocalAzure, azurite_program
from tests.azurite import azurite, log_in


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    with azurite(tmp_path_factory.mktemp("azure"), "data") as started:
        yield started


@contextmanager
def opened(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerClient]:
    """The container `data`, by the identity that this process gets."""
    log_in(azure, monkeypatch)
    with (
        DefaultAzureCredential() as credential,
        BlobServiceClient(
            "https://fraudteam.blob.core.windows.net", credential=credential, retry_total=0
        ) as client,
    ):
        yield client.get_container_client("data")


@pytest.fixture
def container(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerClient]:
    with opened(azure, monkeypatch) as data:
        yield data


def test_a_workload_identity_writes_and_reads(container: ContainerClient) -> None:
    container.upload_blob("folder/one", b"content")

    assert [blob.name for blob in container.list_blobs()] == ["folder/one"]
    assert container.download_blob("folder/one").readall() == b"content"


def test_blobs_outlast_a_stop_of_the_storage(azure: LocalAzure, container: ContainerClient) -> None:
    container.upload_blob("kept", b"content")
    azure.server.stop()
    with pytest.raises(ServiceRequestError):
        container.download_blob("kept")
    azure.server.start()

    assert container.download_blob("kept").readall() == b"content"


def test_a_connection_string_works_without_an_identity(
    azure: LocalAzure, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    with BlobServiceClient.from_connection_string(azure.connection_string) as client:
        client.get_container_client("data").upload_blob("by-key", b"content")

    assert container.download_blob("by-key").readall() == b"content"


def test_containers_that_are_there_are_kept(azure: LocalAzure, container: ContainerClient) -> None:
    azure.create_containers(["data", "more"])

    assert container.exists()
    with pytest.raises(ResourceNotFoundError, match="ContainerNotFound"):
        BlobServiceClient.from_connection_string(azure.connection_string).get_container_client(
            "none"
        ).get_container_properties()


def test_a_pod_with_another_federated_token_gets_no_access(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "token"
    other.write_text("another")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(other))
    with (
        DefaultAzureCredential() as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700213"),
    ):
        credential.get_token("https://storage.azure.com/.default")


def test_a_token_past_its_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        azurite(tmp_path, "data", token_seconds=-1) as azure,
        opened(azure, monkeypatch) as data,
        pytest.raises(ClientAuthenticationError),
    ):
        data.upload_blob("late", b"content")


def test_the_program_is_found_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURITE", "/opt/azurite-blob")

    assert azurite_program() == "/opt/azurite-blob"

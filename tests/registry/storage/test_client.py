"""Azure's SDK as the project uses it: whose credential, and how often a request is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.identity import DefaultAzureCredential

from registry.errors import Unreachable, UsageError
from registry.storage import client
from registry.storage.address import BlobAddress
from registry.storage.client import open_client
from registry.storage.container import open_container
from tests.registry.storage.storage_server import ACCOUNT, KEY, storage_server

ADDRESS = f"wasbs://data@{ACCOUNT}.blob.core.windows.net"
BUSY, TOO_MANY, DONE = (503, "ServerBusy", ""), (429, "TooManyRequests", ""), (201, "", "")


@pytest.mark.parametrize("busy", [BUSY, TOO_MANY], ids=["503", "429"])
def test_a_throttled_request_is_repeated_and_arrives_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: tuple[int, str, str]
) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with storage_server(busy, busy, busy, DONE) as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        with open_container(ADDRESS) as container:
            container.upload(tmp_path / "a", "a")
    assert server.requests == ["PUT"] * 4
    assert server.bodies == [b"content"] * 4


@pytest.mark.parametrize("busy", [BUSY, TOO_MANY], ids=["503", "429"])
def test_one_that_stays_throttled_is_given_up_after_four_retries(
    monkeypatch: pytest.MonkeyPatch, busy: tuple[int, str, str]
) -> None:
    with storage_server(busy) as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        with open_container(ADDRESS) as container, pytest.raises(Unreachable, match="throttles"):
            container.delete("a")
    assert len(server.requests) == 5


def test_the_waits_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    waits: list[float] = []
    monkeypatch.setattr("azure.core.pipeline.transport.HttpTransport.sleep", _append(waits))
    with storage_server(TOO_MANY) as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        with open_container(ADDRESS) as container, pytest.raises(Unreachable):
            container.delete("a")
    assert [
        round(wait) in range(middle - 1, middle + 2)
        for wait, middle in zip(waits, (3, 5, 9, 17), strict=True)
    ] == [True] * 4


def _append(waits: list[float]) -> object:
    return lambda _, seconds: waits.append(seconds)


def test_without_a_connection_string_the_identity_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As for MLflow, but for the account's key, which no one should need.
    monkeypatch.setenv("AZURE_STORAGE_ACCESS_KEY", KEY)
    with open_client(BlobAddress.parse(f"{ADDRESS}/a")) as opened:
        assert isinstance(opened.credential, DefaultAzureCredential)
        assert opened.url == f"https://{ACCOUNT}.blob.core.windows.net/data"


def test_a_connection_string_is_of_the_account_that_the_address_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(client.CONNECTION_STRING, f"AccountName=others;AccountKey={KEY}")
    with pytest.raises(UsageError, match="is of another storage account than fraudteam, which th"):
        open_client(BlobAddress.parse(ADDRESS))


@pytest.mark.parametrize("text", [f"nonsense {KEY}", f"AccountKey={KEY}", f"AccountName;{KEY}"])
def test_a_malformed_connection_string_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(client.CONNECTION_STRING, text)
    with pytest.raises(UsageError, match="AZURE_STORAGE_CONNECTION_STRING is malformed") as refusal:
        open_client(BlobAddress.parse(ADDRESS))
    assert KEY not in str(refusal.value)

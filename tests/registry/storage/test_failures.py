"""One clear message for each way in which the storage refuses, and none with a secret in it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from azure.core.exceptions import ClientAuthenticationError

from deploy.local import entra
from deploy.local.processes import free_port
from registry.errors import NotFound, Refused, RegistryError, Unreachable, UsageError
from registry.storage import client
from registry.storage.address import BlobAddress
from registry.storage.container import open_container
from registry.storage.failures import translated
from tests.registry.storage.storage_server import ACCOUNT, KEY, storage_server

ADDRESS = f"wasbs://data@{ACCOUNT}.blob.core.windows.net"
DATA = BlobAddress.parse(ADDRESS)


@pytest.mark.parametrize(
    ("status", "code", "detail", "kind", "words"),
    [
        (403, "AuthorizationPermissionMismatch", "", Unreachable, "grant the identity the role St"),
        (403, "AuthorizationFailure", "", Unreachable, "does not let this network in; add it to "),
        (403, "AuthenticationFailed", "", UsageError, "STRING (AuthenticationFailed): unset it"),
        (403, "KeyBasedAuthenticationNotPermitted", "", UsageError, "unset it to use an identity"),
        (403, "AccountIsDisabled", "", Unreachable, "no right to do so in storage account fraudt"),
        (
            401,
            "InvalidAuthenticationInfo",
            "Lifetime validation failed. The token is expired.",
            Unreachable,
            "says that the token has expired; check this machine's clock, and log in again",
        ),
        (
            401,
            "InvalidAuthenticationInfo",
            "Issuer validation failed. Issuer did not match.",
            UsageError,
            "belongs to another tenant than the identity; check the account's name in the address",
        ),
        (
            401,
            "InvalidAuthenticationInfo",
            "",
            UsageError,
            "does not accept the credential (InvalidAuthenticationInfo: The reason.); check which",
        ),
        (
            404,
            "ContainerNotFound",
            "",
            NotFound,
            "fraudteam has no container 'data",
        ),
        (404, "", "", NotFound, "there is no such blob; check the address"),
        (409, "BlobImmutableDueToPolicy", "", Refused, "an immutability policy or a legal hold"),
        (409, "LeaseIdMissing", "", Unreachable, "fraudteam answered 409 LeaseIdMissing: The rea"),
        (429, "TooManyRequests", "", Unreachable, "throttles requests (429 TooManyRequests), st"),
        (503, "ServerBusy", "", Unreachable, "throttles requests (503 ServerBusy), still after"),
        (500, "OperationTimedOut", "", Unreachable, "throttles requests (500 OperationTimedOut)"),
        (500, "InternalError", "", Unreachable, "answered 500 InternalError: The reason."),
        (502, "", "", Unreachable, "answered 502"),
    ],
)
def test_each_refusal_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    detail: str,
    kind: type[RegistryError],
    words: str,
) -> None:
    with storage_server((status, code, detail)) as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection_string)
        with open_container(ADDRESS) as container, pytest.raises(RegistryError) as failure:
            container.delete("a") if status != 401 else container.read("a", 5)
    message = str(failure.value)
    assert type(failure.value) is kind
    assert words in message
    assert KEY not in message
    assert failure.value.__cause__ is None


def test_a_name_that_no_name_server_knows_is_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> NoReturn:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    # The signature is in the URL of each request, which the SDK shows.
    signature = "BlobEndpoint=https://fraudteam.blob.core.windows.net;SharedAccessSignature=sig=abc"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", signature)
    with open_container(ADDRESS) as container, pytest.raises(Unreachable) as failure:
        container.read("a", 5)
    assert str(failure.value) == (
        f"looking for {ADDRESS}/a: there is no storage account of that name: no name server knows "
        "fraudteam.blob.core.windows.net; check the account's name in the address, and this "
        "machine's name resolution"
    )


def test_a_storage_that_is_away_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    away = f"BlobEndpoint=http://127.0.0.1:{free_port()}/{ACCOUNT};AccountName={ACCOUNT}"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"{away};AccountKey={KEY}")
    with open_container(ADDRESS) as container, pytest.raises(Unreachable) as failure:
        list(container.list())
    assert str(failure.value) == (
        f"listing {ADDRESS}: no response from fraudteam.blob.core.windows.net (Errno 111] "
        "Connection refused); check the network and the proxy"
    )


def test_without_any_credential_the_message_says_how_to_get_one_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "BACKOFF_SECONDS", 100)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with open_container(ADDRESS) as container, pytest.raises(UsageError) as failure:
        container.read("a", 5)
    message = str(failure.value)
    assert f"looking for {ADDRESS}/a: there is no credential for storage account fraudteam: " in (
        message
    )
    assert "EnvironmentCredential: EnvironmentCredential authentication unavailable" in message
    assert message.endswith("AZURE_TENANT_ID, AZURE_CLIENT_ID and a credential")
    assert caplog.records == []


def test_a_token_that_has_expired_is_told_from_a_wrong_one(
    blobs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by HEAD, whose response has no body to say so."""
    real = entra.access_token
    monkeypatch.setattr(entra, "access_token", lambda scope, now, _: real(scope, now, -30))
    with open_container(blobs) as container:
        for operation in (container.properties, container.delete):
            with pytest.raises(Unreachable, match="says that the token has expired; check this ma"):
                operation("a")


def test_an_identity_of_another_tenant_is_told_so() -> None:
    refusal = ClientAuthenticationError(
        "The current credential is not configured to acquire tokens for tenant 123."
    )
    words = "fraudteam belongs to another tenant than the identity"
    with pytest.raises(UsageError, match=words), translated("reading a", DATA):
        raise refusal


def test_an_error_of_ours_or_of_the_disk_passes_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), translated("reading a", DATA):
        (tmp_path / "none").read_bytes()
    with pytest.raises(NotFound, match=r"^ours$"), translated("reading a", DATA):
        raise NotFound("ours")

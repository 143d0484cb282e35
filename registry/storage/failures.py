"""What Azure's SDK raises, turned into our errors, each with what to do next."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from registry.errors import (
    NotFound,
    Refused,
    RegistryError,
    Unreachable,
    UsageError,
    first_reason,
)
from registry.storage.address import BlobAddress
from registry.storage.client import CONNECTION_STRING

_CAUSE = re.compile(
    r"Errno -?\d+\] [A-Z][\w ]+|[Tt]imed out|certificate verify failed[\w :-]*"
    r"|Tunnel connection failed: [\w ]+|Remote end closed connection"
)
"""Of a request without a response. The whole message may hold a signature, in the URL."""
_IS_UNKNOWN_HOST = re.compile(r"Failed to resolve|NameResolutionError|Errno -[2-5]\]")
_IS_OTHER_TENANT = re.compile(r"issuer|acquire tokens for tenant", re.IGNORECASE)
_IS_EXPIRED = re.compile(r"lifetime|expired", re.IGNORECASE)
_ROLES = (
    "grant the identity the role Storage Blob Data Reader (to write or delete: Storage Blob Data "
    "Contributor) on the container; a new role counts after up to ten minutes"
)
_WRONG_KEY = (
    "{account} does not accept AZURE_STORAGE_CONNECTION_STRING ({code}): unset it to use an "
    "identity, or check its key or signature, and this machine's clock"
)
_THROTTLED = (
    "{account} throttles requests ({status} {code}), still after several retries; try again in "
    "some minutes, or with fewer jobs at once"
)
_OTHER_TENANT = (
    "{account} belongs to another tenant than the identity; check the account's name in the "
    "address, and AZURE_TENANT_ID or `az login --tenant`"
)
_BY_CODE: dict[str, tuple[type[RegistryError], str]] = {
    "ContainerNotFound": (
        NotFound,
        "{account} has no container {container!r}; check the address, or create the container",
    ),
    "BlobImmutableDueToPolicy": (
        Refused,
        "an immutability policy or a legal hold keeps this blob as it is; nothing was changed, and "
        "it can be deleted once that has ended",
    ),
    "AuthorizationFailure": (
        Unreachable,
        "{account} does not let this network in; add it to the account's firewall, or use its "
        f"private endpoint. Where that is done, {_ROLES}",
    ),
    "AuthenticationFailed": (UsageError, _WRONG_KEY),
    "KeyBasedAuthenticationNotPermitted": (UsageError, _WRONG_KEY),
    "OperationTimedOut": (Unreachable, _THROTTLED),
}
_BY_STATUS: dict[int | None, tuple[type[RegistryError], str]] = {
    403: (Unreachable, f"no right to do so in {{account}} ({{code}}); {_ROLES}"),
    404: (NotFound, "there is no such blob; check the address"),
    412: (Unreachable, "the blob was replaced meanwhile; run the command again"),
    429: (Unreachable, _THROTTLED),
    503: (Unreachable, _THROTTLED),
}
_ANY_OTHER = (Unreachable, "{account} answered {status} {code}: {reason}")


@contextmanager
def translated(operation: str, address: BlobAddress) -> Iterator[None]:
    """Raise what a block raises of the SDK as NotFound, UsageError, Refused or Unreachable.

    The message starts with the operation, and holds no secret.
    """
    try:
        yield
    except AzureError as error:
        # Without its cause, whose text may hold a signature.
        raise _translated(error, operation, address) from None


def code_of(error: AzureError) -> str:
    """The service's own code, such as `BlobNotFound`; empty where there is none."""
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _translated(error: AzureError, operation: str, address: BlobAddress) -> RegistryError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    by_identity = not os.environ.get(CONNECTION_STRING)
    if isinstance(error, ClientAuthenticationError) and (by_identity or status in (None, 401)):
        kind, text = _unauthenticated(error, status)
    elif status is None:
        kind, text = _no_response(str(error), type(error).__name__)
    else:
        kind, text = _BY_CODE.get(code_of(error), _BY_STATUS.get(status, _ANY_OTHER))
    text = text.format(
        account=f"storage account {address.account}",
        container=address.container,
        host=address.account_url.removeprefix("https://"),
        status=status,
        code=code_of(error),
        reason=first_reason(error),
    )
    return kind(f"{operation}: {text}")


def _unauthenticated(
    error: ClientAuthenticationError, status: int | None
) -> tuple[type[RegistryError], str]:
    """The credential gave no token, or the service does not accept it."""
    if _IS_OTHER_TENANT.search(str(error)):
        return UsageError, _OTHER_TENANT
    if status is None:
        return UsageError, (
            "there is no credential for {account}: {reason}; log in with `az login`, run with a "
            "workload or managed identity, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and a credential"
        )
    if _IS_EXPIRED.search(str(error)):
        return Unreachable, (
            "{account} says that the token has expired; check this machine's clock, and log in "
            "again"
        )
    return UsageError, (
        "{account} does not accept the credential ({code}: {reason}); check which identity this "
        "machine uses (AZURE_CLIENT_ID and AZURE_TENANT_ID, or `az account show`), and its clock"
    )


def _no_response(message: str, kind: str) -> tuple[type[RegistryError], str]:
    if _IS_UNKNOWN_HOST.search(message):
        return Unreachable, (
            "there is no storage account of that name: no name server knows {host}; check the "
            "account's name in the address, and this machine's name resolution"
        )
    cause = _CAUSE.search(message)
    reason = cause[0] if cause else kind
    return Unreachable, f"no response from {{host}} ({reason}); check the network and the proxy"

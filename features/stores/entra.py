"""Logging in to Azure Managed Redis with Microsoft Entra ID, without a password of its own."""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from threading import Lock

import orjson
from azure.core.credentials import AccessToken, TokenCredential
from azure.identity import DefaultAzureCredential
from redis.credentials import CredentialProvider

from features.stores.redis_errors import NoTokenError

SCOPE = "https://redis.azure.com/.default"
RENEWED_BEFORE_SECONDS = 600
"""A token is renewed so long before its end: Redis closes connections whose token has ended."""


class EntraCredentials(CredentialProvider):
    """A user name and a token for each new connection, renewed before it ends.

    The user name is the object id of the identity, which the token names.
    """

    def __init__(
        self,
        credential: TokenCredential | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credential: TokenCredential = credential or DefaultAzureCredential()
        self._clock = clock
        self._token: AccessToken | None = None
        self._lock = Lock()

    def get_credentials(self) -> tuple[str, str]:
        """Raises NoTokenError, without what Azure's SDK says: parts of a token may be in it."""
        try:
            with self._lock:
                now = self._clock()
                if self._token is None or now > self._token.expires_on - RENEWED_BEFORE_SECONDS:
                    self._token = self._credential.get_token(SCOPE)
                return _object_id(self._token.token), self._token.token
        except Exception:
            raise NoTokenError from None

    async def get_credentials_async(self) -> tuple[str, str]:
        """`get_credentials`, without holding up other requests."""
        return await asyncio.to_thread(self.get_credentials)


def _object_id(token: str) -> str:
    """The claim `oid` of a JSON Web Token (RFC 7519); Redis checks its signature, not we."""
    payload = token.split(".")[1]
    claims = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["oid"])

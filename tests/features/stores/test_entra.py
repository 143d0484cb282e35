"""Tokens of Microsoft Entra ID as the password of a Redis."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from deploy.local.redis_server import RedisServer, ask
from features.stores import entra
from features.stores.entra import EntraCredentials
from features.stores.store import StoreUnavailable
from tests.redis_servers import redis_store

OID = "8f6f0a7e-3f5b-4a63-9b6e-0d4b0b1f2c3d"


class FakeCredential:
    def __init__(self, lifetime: float = 3600) -> None:
        self.scopes: list[str] = []
        self.now, self.lifetime = 1000.0, lifetime

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        claims = base64.urlsafe_b64encode(orjson.dumps({"oid": OID, "n": len(self.scopes)}))
        token = f"header.{claims.decode().rstrip('=')}.signature"
        return AccessToken(token, int(self.now + self.lifetime))


def test_the_user_is_the_object_id_and_the_token_is_renewed_before_it_ends() -> None:
    fake = FakeCredential()
    credentials = EntraCredentials(fake, clock=lambda: fake.now)

    user, token = asyncio.run(credentials.get_credentials_async())
    fake.now += 2_999
    same = credentials.get_credentials()
    fake.now += 2
    renewed = credentials.get_credentials()

    assert (user, renewed[0]) == (OID, OID)
    assert same == (user, token)
    assert renewed[1] != token
    assert fake.scopes == ["https://redis.azure.com/.default"] * 2


def test_a_store_logs_in_with_it(empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCredential()
    monkeypatch.setattr(entra, "DefaultAzureCredential", lambda: fake)
    claims = base64.urlsafe_b64encode(orjson.dumps({"oid": OID, "n": 1})).decode().rstrip("=")
    token = f"header.{claims}.signature"
    ask(empty_redis.port, "ACL", "SETUSER", OID, "on", f">{token}", "~f1:*", "+@all")

    with redis_store(f"{empty_redis.url}?login=entra") as store:
        assert store.stats().transactions == 0
        assert "user=" + OID in ask(empty_redis.port, "CLIENT", "LIST")
    ask(empty_redis.port, "ACL", "DELUSER", OID)


def no_credential(*_: Any) -> AccessToken:
    raise ClientAuthenticationError("the secret of it")


def no_identity(*_: Any) -> AccessToken:
    return AccessToken("not a token", 9_999_999_999)


@pytest.mark.parametrize("get_token", [no_credential, no_identity])
def test_without_a_token_the_store_is_unavailable(
    empty_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    get_token: Callable[..., AccessToken],
) -> None:
    monkeypatch.setattr(entra, "DefaultAzureCredential", FakeCredential)
    monkeypatch.setattr(FakeCredential, "get_token", get_token)

    with redis_store(f"{empty_redis.url}?login=entra", failures=2) as store:
        for text in ("Microsoft Entra ID gave no token for Redis",) * 2 + ("the last 2 requests",):
            with pytest.raises(StoreUnavailable, match=text) as caught:
                store.past("card", "c", 1)
            assert caught.value.__cause__ is None
            assert "secret" not in str(caught.value)

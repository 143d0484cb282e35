"""Which client a URL stands for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio.cluster import RedisCluster

from features.stores.redis_url import connection


@pytest.mark.parametrize(
    "url", ["memory:", "http://localhost", "redis:///0", "redis://h?cluster=1", "redis://h?login=x"]
)
def test_others_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="the URL of a Redis store") as caught:
        connection(url, 1, 1)
    assert url not in str(caught.value)


def test_nothing_is_repeated_and_everything_has_a_timeout() -> None:
    client = connection("rediss://user:secret@h:7/3?ssl_check_hostname=false", 0.5, 0.1)

    settings: dict[str, Any] = client.get_connection_kwargs()
    assert settings["retry"].get_retries() == 0
    assert (settings["socket_connect_timeout"], settings["socket_timeout"]) == (0.5, 0.1)
    assert (settings["host"], settings["port"], settings["db"]) == ("h", 7, 3)
    assert (settings["username"], settings["password"]) == ("user", "secret")
    assert settings["ssl_check_hostname"] is False


def test_a_cluster_is_one_if_the_url_says_so() -> None:
    async def make() -> None:
        client = connection("redis://user:secret@h:7?cluster=true", 0.5, 0.1)
        assert isinstance(client, RedisCluster)
        assert client.retry is not None
        assert client.retry.get_retries() == 0
        assert client.connection_kwargs["password"] == "secret"
        assert client.connection_kwargs["socket_timeout"] == 0.1
        await client.aclose()

    asyncio.run(make())

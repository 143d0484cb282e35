"""Which client a URL stands for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from features.stores.redis_url import connection


@pytest.mark.parametrize(
    "url",
    [
        *(
            "memory:",
            "http://localhost",
            "redis:///0",
            "redis://[::1",
            "redis://h:x",
            "redis://h/x",
        ),
        *("redis://h?cluster=1", "redis://h?login=x", "redis://h?db=x", "redis://h/3?cluster=true"),
        *("redis://h?foo=bar", "rediss://h?foo=bar", "redis://h?foo=bar&cluster=true"),
        *("redis://h?ssl_ca_certs=x", "redis://h?ssl_ca_certs=x&cluster=true"),
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL of a Redis store is redis://USER:PASSWORD"):
        connection(url, 1, 1)


@pytest.mark.parametrize("mark", ["#", "/", "?", "#@", "[", "]"])
def test_no_part_of_a_password_is_repeated(mark: str) -> None:
    for password in (f"mine{mark}yours", f"7{mark}yours"):
        with pytest.raises(ValueError, match="percent-encoded") as caught:
            connection(f"redis://user:{password}@host:6379", 1, 1)
        assert "mine" not in str(caught.value)
        assert "yours" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["rediss://h?ssl_ca_certs=x", "redis://[::1]:7/", "redis://h/2"])
def test_settings_of_redis_py_are_taken(url: str) -> None:
    assert isinstance(connection(url, 1, 1), Redis)


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

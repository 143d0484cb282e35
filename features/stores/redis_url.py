"""The URL of a Redis store, and the client of redis-py that it stands for."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 100
"""Of one process to one node."""


def connection(url: str, connect_seconds: float, seconds: float) -> Redis | RedisCluster:
    """A client that has not connected yet. Raises ValueError for a URL that is not one of Redis."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError("the URL of a Redis store is redis://HOST:PORT or rediss://HOST:PORT")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_cluster, login = query.pop("cluster", "false"), query.pop("login", "password")
    if is_cluster not in ("true", "false") or login not in ("password", "entra"):
        raise ValueError("in the URL of a Redis store, cluster is true or false; login is entra")
    settings: dict[str, Any] = {
        "socket_connect_timeout": connect_seconds,
        "socket_timeout": seconds,
        "max_connections": MAX_CONNECTIONS,
        # Its own default repeats a command for seconds. The store's caller decides on that.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
    if login == "entra":
        from features.stores.entra import EntraCredentials  # noqa: PLC0415 (Azure's SDK is slow)

        settings["credential_provider"] = EntraCredentials()
    address = parts._replace(query=urlencode(query)).geturl()
    if is_cluster == "true":
        return RedisCluster.from_url(address, **settings)
    pool = BlockingConnectionPool.from_url(address, timeout=seconds, **settings)
    return Redis.from_pool(pool)

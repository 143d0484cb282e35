"""The URL of a Redis store, and the client of redis-py that it stands for."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException

MAX_CONNECTIONS = 100
"""Of one process to one node."""
_FORM = (
    "the URL of a Redis store is redis://USER:PASSWORD@HOST:PORT/DB, or rediss:// with TLS; user "
    "and password are percent-encoded; its query has cluster=true, login=entra, settings of "
    "redis-py, and those of them that begin with ssl_ only with TLS"
)


def connection(url: str, connect_seconds: float, seconds: float) -> Redis | RedisCluster:
    """A client that has not connected yet. Raises ValueError for a URL that is not one of Redis."""
    try:
        return _connection(urlsplit(url), connect_seconds, seconds)
    except (AttributeError, TypeError, ValueError, RedisClusterException):
        # Their own text may have a part of a password, such as one with `#` in it.
        raise ValueError(_FORM) from None


def _connection(parts: SplitResult, connect_seconds: float, seconds: float) -> Redis | RedisCluster:
    is_tls = parts.scheme == "rediss"
    if not (is_tls or parts.scheme == "redis") or not parts.hostname or parts.fragment:
        raise ValueError
    if not re.fullmatch("/?[0-9]*", parts.path):
        raise ValueError
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_cluster, login = query.pop("cluster", "false"), query.pop("login", "password")
    if is_cluster not in ("true", "false") or login not in ("password", "entra"):
        raise ValueError
    # redis-py passes over the first of these, and in a cluster over the second.
    if not all(query.values()) or (not is_tls and any(name[:4] == "ssl_" for name in query)):
        raise ValueError
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
    # This connects to nothing, but refuses a setting that there is not.
    pool.make_connection()  # type: ignore[no-untyped-call]
    return Redis.from_pool(pool)

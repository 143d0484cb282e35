"""Redis servers that the tests of stores share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.local.redis_server import RedisServer, ask, redis_server
from tests.redis_servers import needs_redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis; what is in it is of any test."""
    needs_redis()
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def empty_redis(shared_redis: RedisServer) -> RedisServer:
    ask(shared_redis.port, "FLUSHALL")
    return shared_redis

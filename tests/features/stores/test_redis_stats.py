"""What a store in Redis says of itself."""

from __future__ import annotations

from deploy.local.redis_server import RedisServer, ask
from features.online import Transaction
from tests.features.streams import DAY, START_US
from tests.redis_servers import redis_store


def test_it_counts_what_is_its_own(empty_redis: RedisServer) -> None:
    ask(empty_redis.port, "SET", "somebody's", "else")
    with redis_store(empty_redis.url) as store:
        empty = store.stats()
        assert (empty.transactions, empty.newest, empty.complete_since) == (0, None, None)
        assert empty.entities == {"card": 0, "shop": 0}

        store.complete_from(START_US)
        store.complete_from(START_US + DAY)
        store.load(
            (Transaction(str(number), START_US + late * DAY, 1.0, (f"card {number}", "shop")), True)
            for number, late in enumerate((0, 2, 1))
        )

        stats = store.stats()
        assert (stats.transactions, stats.newest) == (3, START_US + 2 * DAY)
        assert stats.entities == {"card": 3, "shop": 1}
        assert stats.complete_since == START_US
        assert stats.bytes is not None
        assert stats.bytes > 500_000

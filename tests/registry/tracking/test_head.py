"""The verified head in one call."""

from __future__ import annotations

import pytest

from registry.errors import BytesMismatch, NotFound
from registry.tracking.head import fetch_head
from registry.tracking.rest import Registry
from tests.world import World


def test_the_head_is_fetched_verified_and_ready_to_score(world: World) -> None:
    registry = Registry(world.server.uri)
    with pytest.raises(NotFound, match="nothing is in Production yet; promote a candidate"):
        fetch_head(registry, world.trust)
    world.put_in_production(quality=0.9)
    link = world.put_in_production()

    head = fetch_head(registry, world.trust)
    assert head.link == link
    row = head.scorer.encode([0.0] * len(head.scorer.contract.names))
    assert head.scorer.score(row).shape == (1,)

    (world.server.stored(link.statement.entry.source) / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BytesMismatch, match=r"model\.onnx was changed"):
        fetch_head(registry, world.trust)

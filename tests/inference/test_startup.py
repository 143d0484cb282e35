"""From a started process to a ready one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.startup import Serving, load_until_ready
from tests.conftest import World
from tests.inference.models import append_signed, number, weighted_sum, write_model

SECONDS = 30.0


def loading(world: World, reason: str, repair: Callable[[], None]) -> Serving:
    """Load until `reason` is given, repair, and load on until the model is there."""
    serving = Serving()

    async def run() -> None:
        task = asyncio.create_task(load_until_ready(serving, world.client, world.trust))
        while reason not in serving.reason:
            await asyncio.sleep(0.02)
            assert not task.done()
        assert serving.model is None
        await asyncio.to_thread(repair)
        await task

    asyncio.run(asyncio.wait_for(run(), SECONDS))
    return serving


def test_before_the_first_try_ends_the_reason_is_that_it_runs() -> None:
    serving = Serving()
    assert serving.model is None
    assert serving.reason == "the model is being loaded"


def test_an_empty_ledger_is_asked_again_until_something_is_promoted(
    world: World, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", weighted_sum(1.0), number("amount"))
    serving = loading(world, "nothing is in Production", lambda: append_signed(world, folder))
    assert serving.model
    assert serving.model.link.version == 1


def test_repaired_bytes_are_loaded_without_a_restart(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_model(tmp_path / "model", weighted_sum(1.0), number("amount"))
    append_signed(world, folder)
    head = world.ledger.head
    assert head
    stored = world.server.stored(head.statement.entry.source) / "model.onnx"
    stored.write_bytes(weighted_sum(2.0))

    def repair() -> None:
        stored.write_bytes(weighted_sum(1.0))

    with caplog.at_level(logging.INFO, "inference"):
        serving = loading(
            world,
            "the files of ledger version 1: model.onnx was changed",
            repair,
        )
    assert serving.model
    messages = [record.getMessage() for record in caplog.records if record.name == "inference"]
    assert messages[0] == "not ready: the files of ledger version 1: model.onnx was changed"
    assert messages[-1] == (
        f"ready: version 1: promote of candidate 11 by github:alice, digest {serving.model.digest}"
    )


def test_a_model_that_fails_on_its_first_row_is_never_served(world: World, tmp_path: Path) -> None:
    """onnxruntime raises errors of its own: the loader has to survive what it never heard of."""
    fails = write_model(tmp_path / "fails", weighted_sum(1.0, rows=2), number("amount"))
    works = write_model(tmp_path / "works", weighted_sum(1.0), number("amount"))
    append_signed(world, fails)
    serving = loading(world, "loading failed: ", lambda: append_signed(world, works))
    assert serving.model
    assert serving.model.link.version == 2

"""SIGHUP and SIGUSR1 to real processes: neither ends them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import httpx

from deploy.local.processes import free_port, inference_service
from inference.signals import handle_signals
from tests.inference.calls import ALICE, BOB, wait_for_health
from tests.inference.pods import put_in_force
from tests.waiting import wait_until
from tests.world import World


def status_for(address: str, token: str) -> int:
    return httpx.get(f"{address}/model", headers={"authorization": f"Bearer {token}"}).status_code


def test_sighup_reads_the_tokens_again_and_sigusr1_does_nothing(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    tokens, log = tmp_path / "tokens", tmp_path / "log"
    tokens.write_text(f"{ALICE}\n")
    settings = {"FRAUD_AUTH": "on", "FRAUD_TOKENS": str(tokens)}
    service = inference_service(world.server.uri, world.config, free_port(), log, **settings)
    with service as (address, process):
        wait_for_health(address, 200)
        # As if a volume had given the new file the same time and size: only a signal can tell.
        before = tokens.stat()
        tokens.write_text(f"{BOB.ljust(before.st_size - 1)}\n")
        os.utime(tokens, ns=(before.st_atime_ns, before.st_mtime_ns))
        for number, said in (
            (signal.SIGHUP, "SIGHUP: reading the token files again"),
            (signal.SIGUSR1, "SIGUSR1: ignored, because there are no log files to open again"),
        ):
            process.send_signal(number)
            wait_until(lambda said=said: said in log.read_text())  # type: ignore[misc]
        assert status_for(address, "bob") == 200
        assert status_for(address, "alice") == 401
        assert process.poll() is None
        tokens.write_text("nonsense\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "keeping the tokens that were read before" in log.read_text())
        assert status_for(address, "bob") == 200


def test_outside_the_main_thread_nothing_is_installed() -> None:
    before = signal.getsignal(signal.SIGHUP)

    async def install() -> None:
        handle_signals(lambda: None)

    thread = threading.Thread(target=lambda: asyncio.run(install()))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGHUP) is before

"""The load of hostile clients in small: memory and answers, but no times."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.inference.hostile import MAX_GROWTH_MB, Latency, Result, lines, under_load
from benchmarks.inference.hostile_load import KINDS
from deploy.local.processes import free_port, inference_service
from tests.inference.calls import ALICE, BOB, wait_for_health
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.world import World

ANSWERS = {
    "head": "431",
    "headers": "431",
    "unfinished head": "closed",
    "url": "414",
    "nothing": "closed",
    "trailer": "431",
    "chunks": "431",
    "unwanted body": "401",
    "unfinished body": "401",
    "wide object": "422",
    "lists": "422",
    "batch": "422",
    "long CSV": "400",
    "wide CSV": "400",
}


@pytest.mark.timeout(240)
def test_memory_is_as_before_and_honest_requests_are_answered(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{ALICE}\n{BOB}\n")
    settings = {"FRAUD_AUTH": "on", "FRAUD_TOKENS": str(tokens)}
    log, body = tmp_path / "log", b'{"amount": 0.5}'
    service = inference_service(world.server.uri, world.config, free_port(), log, **settings)
    with service as (address, process):
        wait_for_health(address, 200)
        load = under_load(address, process.pid, "alice", "bob", body, 100, 12)
        result = asyncio.run(load)
    print("\n".join(lines(result)))
    assert result.growth_mb < MAX_GROWTH_MB
    assert result.beside.requests > 100
    seen = dict(outcome.split(": ") for outcome in result.outcomes)
    refused = {"503", "reset", "kept"}  # at the end of the load, or where it is slow
    for kind, answer in ANSWERS.items():
        statuses = {one.split(": ")[1] for one in result.outcomes if one.startswith(f"{kind}: ")}
        assert statuses <= {answer} | refused
    assert seen.keys() <= KINDS.keys()
    assert len(seen) > len(KINDS) / 2


def test_only_a_service_on_loopback_is_loaded() -> None:
    for arguments, said in (
        (["http://192.0.2.1:80", "1", "1", "x"], "only a service on 127.0.0.1 is loaded"),
        (["http://127.0.0.1:9", "2001", "1", "x"], "at most 2000 connections for 600 s"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.inference.hostile_load", *arguments],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (ended.returncode, ended.stderr) == (1, f"error: {said}\n")


def test_the_result_is_shown_next_to_the_targets() -> None:
    result = Result(Latency(250, 2, 6), Latency(3000, 3, 30.25), 118, 150, 132.5, {"head: 431": 7})
    assert lines(result) == [
        "hostile exchanges: 7",
        "       7 head: 431",
        "honest requests alone: p50 2.0 ms, p99 6.0 ms",
        "honest requests beside them: 3,000, p50 3.0 ms, p99 30.2 ms (target < 50)",
        "resident memory: 118.0 MB before, up to 150.0, 132.5 after: +14.5 (target < 20)",
    ]

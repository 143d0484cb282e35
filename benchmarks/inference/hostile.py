"""`make bench-hostile`: honest latency and memory of a service under hostile clients.

A thousand connections send hostile heads, bodies and fields for a minute, from a process of their
own (`hostile_load`), while this process sends 50 honest predictions per second. It prints the p50
and p99 of those, with and without the load, and the service's resident memory before and after it,
next to the targets: 50 ms and 20 MB. `--connections` and `--seconds` change the load.
"""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]
import typer

from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import MEGABYTE
from benchmarks.inference.production import put_in_production
from benchmarks.paths import CACHE
from deploy.local.processes import (
    NotStarted,
    free_port,
    inference_service,
    mlflow_server,
    wait_until_ok,
)
from inference.tokens import new_token

FOLDER = CACHE / "hostile"
RATE = 50
"""Honest requests per second."""
WARM_UP_SECONDS = 5.0
SETTLE_SECONDS = 15.0
"""After the load: for so long the service may keep a connection without a request."""
MAX_P99_MS, MAX_GROWTH_MB = 50.0, 20.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds of honest requests, all of which got a 200."""

    requests: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Result:
    """What a load did to a service."""

    alone: Latency
    beside: Latency
    rss_before_mb: float
    rss_during_mb: float
    rss_after_mb: float
    outcomes: dict[str, int]

    @property
    def growth_mb(self) -> float:
        return self.rss_after_mb - self.rss_before_mb


async def honest(address: str, token: str, body: bytes, until: asyncio.Event) -> Latency:
    """POST predictions at a constant rate. Raises CannotMeasure for any response but 200."""
    took: list[float] = []
    headers = {"authorization": f"Bearer {token}"}
    # Shorter than the service's, or a request could meet the end of its idle connection.
    limits = httpx.Limits(keepalive_expiry=2)
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=30, limits=limits
    ) as client:

        async def ask() -> None:
            begin = time.perf_counter()
            answer = await client.post("/predict", content=body)
            took.append(1e3 * (time.perf_counter() - begin))
            if answer.status_code != 200:
                raise CannotMeasure(f"an honest request got {answer.status_code}: {answer.text}")

        asking: list[asyncio.Task[None]] = []
        while not until.is_set():
            asking.append(asyncio.create_task(ask()))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*asking)
    return Latency(len(took), float(np.percentile(took, 50)), float(np.percentile(took, 99)))


async def under_load(
    address: str,
    process_id: int,
    token: str,
    stolen: str,
    body: bytes,
    connections: int,
    seconds: float,
) -> Result:
    """Measure a ready service without and with the load, which has another token.

    Raises CannotMeasure.
    """
    service = psutil.Process(process_id)
    await _use_every_protocol(address, token, body)
    alone = await _honest_for(address, token, body, WARM_UP_SECONDS)
    before = service.memory_info().rss / MEGABYTE
    command = [sys.executable, "-m", "benchmarks.inference.hostile_load", address]
    load = await asyncio.create_subprocess_exec(
        *(*command, str(connections), str(seconds), stolen), stdout=subprocess.PIPE
    )
    ended = asyncio.Event()
    asking = asyncio.create_task(honest(address, token, body, ended))
    during = before
    reading = asyncio.create_task(load.communicate())
    try:
        while not reading.done():
            during = max(during, service.memory_info().rss / MEGABYTE)
            await asyncio.wait([reading], timeout=0.2)
        ended.set()
        beside = await asking
    finally:
        if load.returncode is None:
            load.kill()
    output, _ = await reading
    if load.returncode:
        raise CannotMeasure(f"the load ended with {load.returncode}")
    await asyncio.sleep(SETTLE_SECONDS)
    after = service.memory_info().rss / MEGABYTE
    return Result(alone, beside, before, during, after, json.loads(output))


async def _use_every_protocol(address: str, token: str, body: bytes) -> None:
    """Once each, before memory is measured: code and threads are loaded at their first use."""
    headers = {"authorization": f"Bearer {token}"}
    row = json.loads(body)
    csv = "\n".join(",".join(map(str, line)) for line in (row.keys(), row.values()))
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        kind = {"content-type": "text/csv"}
        answers = [
            await client.get("/static-offline-docs/swagger-ui-bundle.js"),
            await client.get("/openapi.json"),
            await client.post("/predict/batch", json={"transactions": [row] * 1000}),
            await client.post("/invocations", content=csv, headers=kind),
        ]
    if failed := [answer for answer in answers if answer.status_code != 200]:
        raise CannotMeasure(f"{failed[0].url} answers {failed[0].status_code}: {failed[0].text}")


async def _honest_for(address: str, token: str, body: bytes, seconds: float) -> Latency:
    ended = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, ended.set)
    return await honest(address, token, body, ended)


def lines(result: Result) -> Sequence[str]:
    """The result for people."""
    exchanges = sum(result.outcomes.values())
    alone, beside = result.alone, result.beside
    return [
        f"hostile exchanges: {exchanges:,}",
        *(f"  {count:6,} {outcome}" for outcome, count in result.outcomes.items()),
        f"honest requests alone: p50 {alone.p50_ms:.1f} ms, p99 {alone.p99_ms:.1f} ms",
        f"honest requests beside them: {beside.requests:,}, p50 {beside.p50_ms:.1f} ms, "
        f"p99 {beside.p99_ms:.1f} ms (target < {MAX_P99_MS:g})",
        f"resident memory: {result.rss_before_mb:.1f} MB before, up to {result.rss_during_mb:.1f}, "
        f"{result.rss_after_mb:.1f} after: {result.growth_mb:+.1f} (target < {MAX_GROWTH_MB:g})",
    ]


def main(
    connections: Annotated[int, typer.Option(help="Hostile connections.")] = 1000,
    seconds: Annotated[float, typer.Option(help="Duration of the load.")] = 60,
) -> None:
    """Put a load of hostile clients on the service, and measure honest ones beside it.

    Example: make bench-hostile ARGS="--connections 100 --seconds 10"
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    with mlflow_server(FOLDER / "mlflow", free_port()) as uri:
        production = put_in_production(uri, FOLDER)
        (token, honest_line), (stolen, hostile_line) = map(new_token, ("honest", "hostile"))
        tokens, log = FOLDER / "tokens", FOLDER / "log"
        tokens.write_text(f"{honest_line}\n{hostile_line}\n")
        row = dict(zip(production.rows.names, production.rows.values[0].tolist(), strict=True))
        settings = {"FRAUD_AUTH": "on", "FRAUD_TOKENS": str(tokens)}
        config, body = production.ledger_config, json.dumps(row).encode()
        service = inference_service(uri, config, free_port(), log, **settings)
        with service as (address, process):
            wait_until_ok(process, f"{address}/readyz", Path(log))
            gc.freeze()  # a collection of what is imported takes 0.1 s, in which nothing is timed
            load = under_load(*(address, process.pid, token, stolen, body, connections, seconds))
            print("\n".join(lines(asyncio.run(load))))


if __name__ == "__main__":
    try:
        typer.run(main)
    except (CannotMeasure, NotStarted) as error:
        sys.exit(f"error: {error}")

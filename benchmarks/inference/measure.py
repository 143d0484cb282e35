"""One round of one server: started on its own core, checked, loaded, stopped."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
import psutil  # type: ignore[import-untyped]

from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.load import closed_loop, open_loop
from benchmarks.inference.production import Rows
from benchmarks.inference.servers import HOST, Server
from deploy.local.processes import free_port, running, status_of, stop

START_SECONDS = 90.0
POLL_SECONDS = 0.02
GRACE_SECONDS = 2.0
WARM_UP_SECONDS = 1.0
TOLERANCE = 1e-6
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Round:
    """What one round measured of one server."""

    ready_seconds: float
    """From the start of its first process until it says that it is ready."""
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Processor time of all its processes, user and system, per request."""
    rss_mb: float
    """Resident memory under load, in 10^6 bytes; shared pages count in each of its processes."""
    pss_mb: float
    """The same with each shared page counted once, in parts."""
    open_p50_ms: float | None = None
    open_p99_ms: float | None = None


@dataclass(frozen=True)
class Started:
    """A server that is ready."""

    address: str
    process: psutil.Process
    ready_seconds: float

    def tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        times = [one.cpu_times() for one in self.tree()]
        return float(sum(one.user + one.system for one in times))


def cores() -> tuple[int, int]:
    """The core for servers and the core for everything else. Raises CannotMeasure."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise CannotMeasure("two cores are needed: one for the server, one for the load")
    return usable[0], usable[-1]


@contextmanager
def started(server: Server, core: int, log: Path) -> Iterator[Started]:
    """Start a server on one core and wait until it is ready; end all its processes at the end.

    It starts in an empty folder, so that nothing is left from the last time. Raises CannotMeasure
    where it ends or does not get ready.
    """
    ports = {"port": free_port(), "spare": free_port(), "other": free_port()}
    address = f"http://{HOST}:{ports['port']}"
    environment = {name: value.format(**ports) for name, value in server.environment.items()}
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        command = [
            *("env", "-C", folder, "taskset", "--cpu-list", str(core)),
            *(word.format(**ports) for word in server.command),
        ]
        began = time.monotonic()
        with running(command, log, environment) as handle:
            process = psutil.Process(handle.pid)
            seen: list[psutil.Process] = []
            try:
                ready = Started(address, process, _wait(server, address, handle, began, log))
                seen = ready.tree()
                yield ready
            finally:
                with suppress(psutil.NoSuchProcess):
                    seen += process.children(recursive=True)
                stop(handle)
                _end(seen)


def _wait(server: Server, address: str, handle: Popen[bytes], began: float, log: Path) -> float:
    while status_of(address + server.ready) != 200:
        if handle.poll() is not None or time.monotonic() > began + START_SECONDS:
            raise CannotMeasure(f"{server.name} did not get ready; {log} says why")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _end(processes: list[psutil.Process]) -> None:
    """End what had left its parent's process group, as BentoML's workers do."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _, processes = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)
    psutil.wait_procs(processes, timeout=GRACE_SECONDS)


def check(server: Server, address: str, rows: Rows) -> bytes:
    """Ask for every row once; returns the last answer.

    Raises CannotMeasure where an answer is no success, or a probability off by more than 1e-6.
    """
    headers = {"Content-Type": "application/json"}
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as client:
        for body, expected in zip(server.bodies(rows), rows.expected, strict=True):
            answer = client.post(server.path, content=body)
            if answer.status_code != 200:
                raise CannotMeasure(f"{server.name}: {answer.status_code}: {answer.text[:500]}")
            if server.probability is None:
                continue
            probability = server.probability(answer.json())
            if abs(probability - expected) > TOLERANCE:
                raise CannotMeasure(
                    f"{server.name} says {probability!r} where {expected!r} is right"
                )
    return answer.content


def measure(
    server: Server, rows: Rows, core: int, k6: Path | None, seconds: float, log: Path
) -> Round:
    """One round: start to ready, every answer checked, a warm-up, the loads.

    Raises CannotMeasure, also where a request failed or the open loop could not keep its rate.
    """
    with (
        tempfile.NamedTemporaryFile("w", prefix="bodies-") as bodies,
        started(server, core, log) as ready,
    ):
        bodies.write("".join(f"{body}\n" for body in server.bodies(rows)))
        bodies.flush()
        path, url = Path(bodies.name), ready.address + server.path
        check(server, ready.address, rows)
        closed_loop(url, path, WARM_UP_SECONDS)
        before = ready.cpu_seconds()
        closed = closed_loop(url, path, seconds)
        cpu_seconds = ready.cpu_seconds() - before
        memory = [one.memory_full_info() for one in ready.tree()]
        opened = open_loop(k6, url, path, seconds) if k6 and server.under_open_loop else None
        if opened and opened.dropped:
            raise CannotMeasure(
                f"{server.name} held back {opened.dropped} requests of the open loop"
            )
    return Round(
        ready_seconds=ready.ready_seconds,
        requests_per_second=closed.requests / closed.seconds,
        p50_ms=closed.p50_ms,
        p99_ms=closed.p99_ms,
        cpu_ms=1e3 * cpu_seconds / closed.requests,
        rss_mb=sum(one.rss for one in memory) / MEGABYTE,
        pss_mb=sum(one.pss for one in memory) / MEGABYTE,
        open_p50_ms=opened.p50_ms if opened else None,
        open_p99_ms=opened.p99_ms if opened else None,
    )

"""One round of one server: start it on its own core, check its answers, put load on it, stop it."""

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
    """Results of one server in one round."""

    ready_seconds: float
    """From the start of its first process until it reports that it is ready."""
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """CPU time of all its processes, user and system, per request."""
    rss_mb: float
    """Resident set size under load, in 10^6 bytes; a shared page counts in each process."""
    pss_mb: float
    """Proportional set size: a shared page is divided among its processes."""
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
        times = [process.cpu_times() for process in self.tree()]
        return float(sum(time.user + time.system for time in times))


def cores() -> tuple[int, int]:
    """The core for the server, and the core for everything else. Raises CannotMeasure."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise CannotMeasure("two cores are needed: one for the server, one for the load")
    return usable[0], usable[-1]


@contextmanager
def started(server: Server, core: int, log: Path) -> Iterator[Started]:
    """Start a server on one core and wait until it is ready; stop all its processes on exit.

    It starts in an empty folder, without files of an earlier start. Raises CannotMeasure if it ends
    or does not become ready.
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
            processes: list[psutil.Process] = []
            try:
                ready = Started(address, process, _wait(server, address, handle, began, log))
                processes = ready.tree()
                yield ready
            finally:
                with suppress(psutil.NoSuchProcess):
                    processes += process.children(recursive=True)
                stop(handle)
                _stop_remaining(processes)


def _wait(server: Server, address: str, handle: Popen[bytes], began: float, log: Path) -> float:
    while status_of(address + server.ready) != 200:
        if handle.poll() is not None or time.monotonic() > began + START_SECONDS:
            raise CannotMeasure(f"{server.name} did not become ready; see {log}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def _stop_remaining(processes: list[psutil.Process]) -> None:
    """Stop processes that have left their parent's process group, as BentoML's workers do."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _, processes = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    psutil.wait_procs(processes, timeout=GRACE_SECONDS)


def check_answers(server: Server, address: str, rows: Rows) -> bytes:
    """Request every row once; return the body of the last answer.

    Raises CannotMeasure for an error, or a probability that is wrong by more than 1e-6.
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
                    f"{server.name} answers {probability!r} instead of {expected!r}"
                )
    return answer.content


def measure(
    server: Server, rows: Rows, core: int, k6: Path | None, seconds: float, log: Path
) -> Round:
    """Run one round: start, check every answer, warm up, then the closed and the open loop.

    Raises CannotMeasure, also if a request fails or the open loop cannot keep its rate.
    """
    with (
        tempfile.NamedTemporaryFile("w", prefix="bodies-") as bodies,
        started(server, core, log) as ready,
    ):
        bodies.write("".join(f"{body}\n" for body in server.bodies(rows)))
        bodies.flush()
        path, url = Path(bodies.name), ready.address + server.path
        check_answers(server, ready.address, rows)
        closed_loop(url, path, WARM_UP_SECONDS)
        before = ready.cpu_seconds()
        closed = closed_loop(url, path, seconds)
        cpu_seconds = ready.cpu_seconds() - before
        memory = [process.memory_full_info() for process in ready.tree()]
        opened = open_loop(k6, url, path, seconds) if k6 and server.under_open_loop else None
        if opened and opened.dropped:
            raise CannotMeasure(
                f"{server.name}: {opened.dropped} requests of the open loop were not sent in time"
            )
    return Round(
        ready_seconds=ready.ready_seconds,
        requests_per_second=closed.requests / closed.seconds,
        p50_ms=closed.p50_ms,
        p99_ms=closed.p99_ms,
        cpu_ms=1e3 * cpu_seconds / closed.requests,
        rss_mb=sum(info.rss for info in memory) / MEGABYTE,
        pss_mb=sum(info.pss for info in memory) / MEGABYTE,
        open_p50_ms=opened.p50_ms if opened else None,
        open_p99_ms=opened.p99_ms if opened else None,
    )

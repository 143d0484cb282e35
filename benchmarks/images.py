"""`make bench-images`: the images' size, and the service's start and memory in its own.

Needs podman and the program `benchmarks.containers.BUILD`. The service runs as on AKS: read-only,
without rights and with 256 MB; the tracking server is on the same machine. A start is timed from
`podman run` to the first 200 of /readyz, with an empty cache, in turn with and without the
bytecode in the image.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import httpx
import typer

from benchmarks.containers import build, container, image, inspected, size_above_base
from benchmarks.inference.production import Production, put_in_production
from deploy.local.processes import free_port, mlflow_server
from inference.tokens import new_token

TARGETS = ("inference", "inference-records", "tracking", "training")
MEMORY = "256m"
REQUESTS = 2000
MB = 1_000_000
BYTECODE: Mapping[str, tuple[str, ...]] = {
    "with bytecode": (),
    "without": ("--env=PYTHONPYCACHEPREFIX=/nowhere",),
}


def start(production: Production, folder: Path, options: tuple[str, ...]) -> tuple[float, int, int]:
    """Seconds to ready, and the resident bytes of the process then and at most under requests."""
    port = free_port()
    token, line = new_token("bench")
    tokens = folder / "tokens"
    tokens.write_text(f"{line}\n")
    row = dict(zip(production.rows.names, production.rows.values[0].tolist(), strict=True))
    settings = (
        *("--tmpfs=/var/lib/fraud", f"--memory={MEMORY}", f"--env=FRAUD_PORT={port}"),
        f"--env=MLFLOW_TRACKING_URI={production.tracking_uri}",
        "--env=FRAUD_FEATURES=client",
        f"--volume={production.ledger_config}:/etc/fraud/ledger.yaml:ro",
        f"--volume={tokens}:/mnt/secrets/tokens:ro",
    )
    address = f"http://127.0.0.1:{port}"
    with container("inference", options=(*settings, *options)) as started:
        seconds = started.seconds_until_ok(f"{address}/readyz")
        ready = started.memory()["VmRSS"]
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
            for _ in range(REQUESTS):
                client.post(f"{address}/predict", json=row).raise_for_status()
        return seconds, ready, started.memory()["VmHWM"]


def main(rounds: Annotated[int, typer.Option(min=1)] = 5) -> None:
    """Build the images and print what they are like; medians of the rounds.

    Example: make bench-images ARGS="--rounds 3"
    """
    build()
    for target in TARGETS:
        size, whole = size_above_base(target), inspected(image(target))["Size"]
        print(f"{target}: {size / MB:.0f} MB above the base, {whole / MB:.0f} MB with it")
    measured: dict[str, list[tuple[float, int, int]]] = {name: [] for name in BYTECODE}
    with tempfile.TemporaryDirectory(prefix="bench-images-") as temporary:
        folder = Path(temporary)
        with mlflow_server(folder / "mlflow", free_port()) as uri:
            production = put_in_production(uri, folder)
            for _ in range(rounds):
                for name, options in BYTECODE.items():
                    measured[name].append(start(production, folder, options))
    for name, starts in measured.items():
        seconds, ready, most = (statistics.median(column) for column in zip(*starts, strict=True))
        slowest = max(one[0] for one in starts)
        print(
            f"inference, {name}: ready in {seconds:.2f} s (at most {slowest:.2f}), "
            f"{ready / MB:.0f} MB when ready, {most / MB:.0f} MB at most in {REQUESTS:,} requests"
        )


if __name__ == "__main__":
    typer.run(main)

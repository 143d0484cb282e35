"""Feast, which reads features that were computed before, against ours, which computes and scores.

The 12 of the Handbook's 15 features that are of histories; the other three are of the transaction
itself. Feast has its views in Redis, its registry cached for ever, and its feature server in one
process on one core, without access log and without restarts after 1,000 requests.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path

import httpx

from benchmarks.features import programs
from benchmarks.features.pods import ENTITIES, FOLDER, pods
from benchmarks.features.streams import HANDBOOK_CARDS, HISTORY, KINDS, SHOPS, later
from benchmarks.features.throughput import WARM_UP_SECONDS, Turns
from benchmarks.growth.row import Row
from benchmarks.inference.environments import install
from benchmarks.inference.errors import CannotMeasure
from benchmarks.inference.measure import cores, started
from benchmarks.inference.servers import HOST, Server

SECONDS, ROUNDS = 5, 3
PROGRAM = Path(programs.__file__).with_name("feast_online.py")
FILL_SECONDS = 300.0
READS = 10_000
QUIET = {"FEAST_USAGE": "False"}
CONFIGURATION = """project: fraud
provider: local
registry: {{path: registry.db, cache_ttl_seconds: 0}}
online_store: {{type: redis, connection_string: "{redis}"}}
entity_key_serialization_version: 3
"""


def ours_by_feast(events: int) -> float:
    """Our requests per second with Redis by the reads of the faster of Feast's SDK and server.

    Prints the medians of the rounds, which are in turn, 16 connections for each server; the SDK
    reads in one process without HTTP. Raises CannotMeasure.
    """
    tools, core = install("feast"), cores()[0]
    rates: dict[str, list[float]] = {}
    with pods(events) as (redis, services):
        repository = _repository(redis.removeprefix("redis://"))
        _feast(tools, core, "fill", repository)
        server = _server(tools, repository)
        with started(server, core, FOLDER / "logs" / "feast.log") as ready:
            url = ready.address + server.path
            _check(url, _read_body(0))
            loads = {pod.name: (pod.url, pod.body) for pod in services}
            loads["Feast's server"] = (url, _read_body)
            turns = Turns(loads)
            for number in range(ROUNDS + 1):
                seconds = SECONDS if number else WARM_UP_SECONDS
                for name, rate in turns.rates(seconds).items():
                    rates.setdefault(name, []).append(rate)
                read = json.loads(_feast(tools, core, "read", repository, str(seconds)))
                rates.setdefault("Feast's SDK", []).append(read["requests"] / read["seconds"])
    medians = {name: statistics.median(each[1:]) for name, each in rates.items()}
    for name, rate in medians.items():
        print(f"  {name}: {rate:,.0f} a second", flush=True)
    return medians["Redis"] / max(medians["Feast's SDK"], medians["Feast's server"])


def _features() -> dict[str, list[str]]:
    """The names of the features by entity."""
    return {
        entity: [each.name for each in HISTORY if each.entity == kind]
        for entity, kind in zip(ENTITIES, KINDS, strict=True)
    }


def _references() -> list[str]:
    return [f"of_{entity}:{name}" for entity, names in _features().items() for name in names]


def _entities(number: int) -> dict[str, str | None]:
    return dict(zip(ENTITIES, later(number, cards=HANDBOOK_CARDS).entities, strict=True))


def _read_body(number: int) -> str:
    entities = {kind: [name] for kind, name in _entities(number).items()}
    return json.dumps({"features": _references(), "entities": entities})


def _repository(redis: str) -> Path:
    folder = FOLDER / "feast"
    folder.mkdir()
    (folder / "feature_store.yaml").write_text(CONFIGURATION.format(redis=redis))
    names = (
        [f"card {number}" for number in range(HANDBOOK_CARDS)],
        [f"shop {number}" for number in range(SHOPS)],
    )
    content = {
        "views": {
            entity: {"features": features, "entities": entities}
            for (entity, features), entities in zip(_features().items(), names, strict=True)
        },
        "features": _references(),
        "reads": [_entities(number) for number in range(READS)],
    }
    (folder / "rows.json").write_text(json.dumps(content))
    return folder


def _server(tools: Path, repository: Path) -> Server:
    return Server(
        name="Feast's server",
        command=[
            *(str(tools / "feast"), "--chdir", str(repository), "serve", "--host", HOST),
            *("--port", "{port}", "--workers", "1", "--max-requests", "0", "--no-access-log"),
        ],
        environment=QUIET,
        ready="/health",
        path="/get-online-features",
        body=lambda row: row,
    )


def _feast(tools: Path, core: int, command: str, folder: Path, *arguments: str) -> str:
    """What the program prints, run on the core of the servers."""
    line = ["taskset", "--cpu-list", str(core), str(tools / "python"), str(PROGRAM)]
    run = subprocess.run(
        [*line, command, str(folder), *arguments],
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        timeout=FILL_SECONDS,
        check=False,
    )
    if run.returncode:
        raise CannotMeasure(f"Feast cannot {command}: {run.stderr.strip()[-500:]}")
    return run.stdout


def _check(url: str, body: str) -> None:
    answer = httpx.post(url, content=body, headers={"content-type": "application/json"}, timeout=30)
    found = [each["statuses"][0] for each in answer.json()["results"]] if answer.is_success else []
    if found != ["PRESENT"] * (len(HISTORY) + len(ENTITIES)):
        raise CannotMeasure(f"Feast answers {answer.status_code}: {answer.text[:500]}")


ROWS = (
    Row(
        "feast",
        "requests per second, transactions to a service with Redis, by reads through Feast",
        "events",
        "times",
        (2_000,),
        (300_000,),
        ours_by_feast,
    ),
)

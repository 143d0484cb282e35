"""The clients that callers use, as they are, against a real service."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import requests

from inference.guard import PAGES, PROBES
from registry.model.scorer import open_model
from tests.candidates import NAMES, files_of, saved_model
from tests.components import program
from tests.inference.calls import RunningService

FOLDER = Path(__file__).parent
ROW = dict(zip(NAMES, (0.5, 1.0, 2.0), strict=True))
BODY = json.dumps(ROW)
JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}


@pytest.fixture(scope="module")
def probability() -> float:
    """Of ROW, scored without the service."""
    scorer = open_model(files_of(saved_model(1.0)))
    return float(scorer.score(scorer.encode(list(ROW.values())))[0])


def output(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def scores(printed: str) -> list[float]:
    """The probabilities in lines that a client printed, each a status and a body."""
    lines = [line.partition(" ") for line in printed.splitlines()]
    assert [status for status, _, _ in lines] == ["200"] * len(lines)
    return [json.loads(body)["probability"] for _, _, body in lines]


def test_java(service: RunningService, probability: float, tmp_path: Path) -> None:
    """Its first request asks for HTTP/2 over clear text, the others use the same connection."""
    compiler = program("javac", "apt-get install default-jdk-headless")
    output(compiler, "-d", str(tmp_path), str(FOLDER / "PredictClient.java"))
    run = program("java", "apt-get install default-jdk-headless"), "-cp", str(tmp_path)
    printed = output(*run, "PredictClient", f"{service.address}/predict", BODY)
    assert scores(printed) == [probability] * 3


def test_node(service: RunningService, probability: float) -> None:
    node = program("node", "apt-get install nodejs")
    client = str(FOLDER / "predict_client.mjs")
    printed = output(node, client, f"{service.address}/predict", BODY)
    assert scores(printed) == [probability] * 3


def curl(*arguments: str) -> str:
    return output(program("curl", "apt-get install curl"), "-sS", *arguments)


def test_curl(service: RunningService, probability: float, tmp_path: Path) -> None:
    address = f"{service.address}/predict"
    (tmp_path / "body.gz").write_bytes(gzip.compress(BODY.encode()))
    compressed = "-HContent-Encoding: gzip", f"--data-binary=@{tmp_path / 'body.gz'}"
    for how in (
        ("--data", BODY),
        ("--http2", "--data", BODY),
        ("-HExpect: 100-continue", "--data", BODY),
        ("-HTransfer-Encoding: chunked", "--data", BODY),
        (compressed[0], "--data-binary", compressed[1].partition("=")[2]),
    ):
        assert json.loads(curl(*how, address))["probability"] == probability
    assert curl("-w%{http_code}", "-o/dev/null", "--data", BODY, f"{address}/") == "404"


@pytest.mark.parametrize("path", sorted(PROBES | PAGES | {"/model", "/metrics", "/v2"}))
def test_curl_asks_for_the_head_of_a_response(path: str, service: RunningService) -> None:
    """It would wait for a body that its response announces and that must not come."""
    address = f"{service.address}{path}"
    status, *lines = curl("--head", address, f"{service.address}/livez").splitlines()
    assert status == "HTTP/1.1 200 OK"
    size = len(requests.get(address, timeout=10).content)
    assert f"content-length: {size}" in lines or path in ("/healthcheck", "/metrics")
    assert "HTTP/1.1 200 OK" in lines


def ask_with_requests(address: str, **arguments: Any) -> tuple[int, Any]:
    answer = requests.post(address, timeout=10, **arguments)
    return answer.status_code, answer.json()


def ask_with_httpx(address: str, **arguments: Any) -> tuple[int, Any]:
    content = arguments.pop("data", None)
    answer = httpx.post(address, content=content, **arguments)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("ask", [ask_with_requests, ask_with_httpx])
def test_clients_of_python(ask: Any, service: RunningService, probability: float) -> None:
    address = f"{service.address}/predict"
    compressed = gzip.compress(BODY.encode())
    for arguments in (
        {"json": ROW},
        {"data": BODY.encode(), "headers": JSON},
        {"data": compressed, "headers": GZIP},
        {"data": iter([compressed[:9], compressed[9:]]), "headers": GZIP},
    ):
        status, said = ask(address, **arguments)
        assert (status, said.get("probability")) == (200, probability)
    bomb = gzip.compress(b" " * 100_000_000)
    too_large = {"detail": "the body is larger than 1048576 bytes"}
    assert ask(address, data=bomb, headers=GZIP) == (413, too_large)
    assert ask(address, data=compressed, headers={**JSON, "Content-Encoding": "br"}) == (
        415,
        {"detail": "Content-Encoding must be gzip, or absent"},
    )
    assert ask(address + "/", json=ROW)[0] == 404


def test_a_table_of_pandas_in_excels_csv(service: RunningService, probability: float) -> None:
    table = pd.DataFrame([ROW]).to_csv(index=False, lineterminator="\r\n")
    status, said = ask_with_requests(
        f"{service.address}/invocations",
        data=gzip.compress(table.encode("utf-8-sig")),
        headers={"Content-Type": 'text/csv; charset="utf-8"', "Content-Encoding": "gzip"},
    )
    assert (status, said) == (200, {"predictions": [{"probability": probability}]})

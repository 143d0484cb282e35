"""Writing the files that Production resolves to, by every spelling of their path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from tests.deploy.tracking.actor import PROXY, Facts
from tests.deploy.tracking.attempts.requests import (
    AJAX_PROXY,
    OVERWRITE,
    on_run,
    put,
)
from tests.deploy.tracking.matrix import EVERYONE, OTHERS, Refusal


def encoded(path: str, times: int) -> str:
    """The path with its first character percent-encoded, again and again."""
    first = f"%{ord(path[0]):02x}"
    for _ in range(times - 1):
        first = first.replace("%", "%25")
    return first + path[1:]


PATHS: dict[str, Callable[[Facts], str]] = {
    "as it is": lambda facts: facts.source,
    "`1/../2/…`": lambda facts: f"{facts.training}/../{facts.source}",
    "`1/%2e%2e/2/…`": lambda facts: f"{facts.training}/%2e%2e/{facts.source}",
    "`1/%252e%252e/2/…`": lambda facts: f"{facts.training}/%252e%252e/{facts.source}",
    "`1/..%2f2/…`": lambda facts: f"{facts.training}/..%2f{facts.source}",
    "`./2/…`": lambda facts: f"./{facts.source}",
    "`%2e/2/…`": lambda facts: f"%2e/{facts.source}",
    "`/2/…` (two slashes)": lambda facts: f"/{facts.source}",
    "`%2f2/…`": lambda facts: f"%2f{facts.source}",
    "`02/…`": lambda facts: f"0{facts.source}",
    "`%32/…`": lambda facts: encoded(facts.source, 1),
    "`%2532/…`": lambda facts: encoded(facts.source, 2),
    "`２/…` (another digit 2)": lambda facts: f"{quote(chr(0xFF10 + int(facts.evidence)))}/x",
    "`workspaces/default/2/…`": lambda facts: f"workspaces/default/{facts.source}",
}
"""Spellings of the folder of the model in Production; 2 is the promotions experiment."""


def _overwriting() -> Iterator[Refusal]:
    for spelling, folder in PATHS.items():
        yield Refusal(
            OVERWRITE,
            f"`PUT` through the artifact proxy, the path {spelling}",
            put(lambda facts, folder=folder: f"{folder(facts)}/model.onnx"),  # type: ignore[misc]
            OTHERS if spelling == "as it is" else ("trainer",),
        )
    yield Refusal(
        OVERWRITE,
        "`PUT` to `/ajax-api/`",
        lambda actor: actor.send("PUT", f"{AJAX_PROXY}/{actor.facts.source}/model.onnx", b"evil"),
        ("trainer",),
    )
    yield Refusal(
        OVERWRITE,
        "`upload-artifact` with the run of the evidence",
        lambda actor: actor.send(
            "POST",
            f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={actor.facts.evidence_run}"
            "&path=model/model.onnx",
            b"evil",
        ),
        OTHERS,
    )
    yield Refusal(
        OVERWRITE,
        "a multipart upload",
        lambda actor: actor.send(
            "POST",
            f"/api/2.0/mlflow-artifacts/mpu/create/{actor.facts.source}",
            b'{"path": "model.onnx", "num_parts": 1}',
        ),
        OTHERS,
    )
    yield Refusal(
        OVERWRITE,
        "a presigned upload",
        on_run("artifacts/presigned-upload-url", path="model/model.onnx"),
        OTHERS,
    )
    yield Refusal(
        "delete a file that Production resolves to",
        "`DELETE` through the artifact proxy",
        lambda actor: actor.send("DELETE", f"{PROXY}/{actor.facts.source}/model.onnx"),
        EVERYONE,
    )
    yield Refusal(
        "delete the folder of the evidence",
        "`DELETE` through the artifact proxy",
        lambda actor: actor.send("DELETE", f"{PROXY}/{actor.facts.evidence}"),
        EVERYONE,
    )


ARTIFACTS = tuple(_overwriting())

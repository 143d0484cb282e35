"""Reading what a pod has no business with."""

from __future__ import annotations

from registry.tracking.names import CANDIDATES
from tests.deploy.tracking.actor import PROXY
from tests.deploy.tracking.attempts.requests import (
    CANDIDATE,
    get,
)
from tests.deploy.tracking.matrix import Refusal

READING = (
    *(
        Refusal("read the training experiment", f"`{how}`", send, ("reader",))
        for how, send in (
            ("experiments/get", lambda a: a.get("experiments/get", experiment_id=a.facts.training)),
            ("experiments/get, id `01`", lambda a: a.get("experiments/get", experiment_id="01")),
            ("experiments/get, id ` 1`", lambda a: a.get("experiments/get", experiment_id=" 1")),
            ("experiments/get, id `1.0`", lambda a: a.get("experiments/get", experiment_id="1.0")),
            ("experiments/get-by-name", get("experiments/get-by-name", experiment_name=CANDIDATES)),
            ("runs/get", lambda a: a.get("runs/get", run_id=a.facts.candidate_run)),
            ("artifacts/list", lambda a: a.get("artifacts/list", run_id=a.facts.candidate_run)),
            (
                "metrics/get-history",
                lambda a: a.get(
                    "metrics/get-history", run_id=a.facts.candidate_run, metric_key="x"
                ),
            ),
            (
                "GET of a file through the artifact proxy",
                lambda a: a.get(f"{PROXY}/{a.facts.candidate_source}/model.onnx"),
            ),
            (
                "the same, `./1/…`",
                lambda a: a.get(f"{PROXY}/./{a.facts.candidate_source}/model.onnx"),
            ),
            ("list through the artifact proxy", lambda a: a.get(PROXY, path=a.facts.training)),
            (
                "get-artifact",
                lambda a: a.get(
                    "/get-artifact", run_uuid=a.facts.candidate_run, path="model/model.onnx"
                ),
            ),
            (
                "presigned download",
                lambda a: a.post(
                    "artifacts/presigned-download-url", run_id=a.facts.candidate_run, path="model"
                ),
            ),
        )
    ),
    *(
        Refusal("read a candidate", f"`{how}`", send, ("reader",))
        for how, send in (
            ("registered-models/get", get("registered-models/get", name=CANDIDATES)),
            ("model-versions/get", get("model-versions/get", **CANDIDATE)),
            (
                "registered-models/alias",
                get("registered-models/alias", name=CANDIDATES, alias="staging"),
            ),
            (
                "model-versions/get-download-uri",
                get("model-versions/get-download-uri", **CANDIDATE),
            ),
            (
                "model-versions/get-artifact",
                get("/model-versions/get-artifact", path="model.onnx", **CANDIDATE),
            ),
        )
    ),
    Refusal(
        "read the training experiment",
        "`HEAD` of a file through the artifact proxy",
        lambda actor: actor.send("HEAD", f"{PROXY}/{actor.facts.candidate_source}/model.onnx"),
        ("reader",),
        "403",
    ),
    Refusal(
        "read the training experiment",
        "`runs/search`",
        lambda actor: actor.post("runs/search", experiment_ids=[actor.facts.training]),
        ("reader",),
        "200 {}",
    ),
    Refusal(
        "read the training experiment",
        "`/graphql`",
        lambda actor: actor.post(
            "/graphql",
            query=f'{{mlflowGetRun(input: {{runId: "{actor.facts.candidate_run}"}})'
            "{run {info {runId}}}}",
        ),
        ("reader",),
        '200 {"data":{"mlflowGetRun":null}',
    ),
)

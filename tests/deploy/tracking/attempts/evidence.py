"""Writing in the promotions experiment."""

from __future__ import annotations

from tests.deploy.tracking.actor import RIGHTS
from tests.deploy.tracking.attempts.requests import (
    in_evidence,
    on_run,
    post,
)
from tests.deploy.tracking.matrix import EVERYONE, OTHERS, Refusal

EVIDENCE = (
    Refusal(
        "write in the promotions experiment",
        "a new run",
        in_evidence("runs/create"),
        OTHERS,
    ),
    *(
        Refusal(
            "write in the promotions experiment",
            f"a new run, with the experiment id {spelling!r}",
            lambda actor, spelling=spelling: actor.post(  # type: ignore[misc]
                "runs/create", experiment_id=spelling.replace("2", actor.facts.evidence)
            ),
            ("trainer",),
        )
        for spelling in ("02", " 2", "2 ", "2.0", "+2")
    ),
    Refusal(
        "write in the promotions experiment",
        "a new run, by `/ajax-api/`",
        in_evidence("/ajax-api/2.0/mlflow/runs/create"),
        ("trainer",),
    ),
    *(
        Refusal("change a run of evidence", f"`{path}`", on_run(path, **values), actors)
        for path, values, actors in (
            ("runs/set-tag", {"key": "verdict", "value": "passed"}, OTHERS),
            ("runs/delete-tag", {"key": "verdict"}, OTHERS),
            ("runs/log-metric", {"key": "x", "value": 1, "timestamp": 1}, ("trainer",)),
            ("runs/log-parameter", {"key": "x", "value": "1"}, ("trainer",)),
            ("runs/log-batch", {"tags": [{"key": "x", "value": "1"}]}, OTHERS),
            ("runs/log-inputs", {"datasets": []}, ("trainer",)),
            ("runs/outputs", {"models": []}, ("trainer",)),
            ("runs/log-model", {"model_json": "{}"}, ("trainer",)),
            ("runs/update", {"status": "FAILED"}, OTHERS),
            ("runs/delete", {}, EVERYONE),
            ("runs/restore", {}, EVERYONE),
        )
    ),
    Refusal(
        "delete the promotions experiment",
        "`experiments/delete`",
        in_evidence("experiments/delete"),
        EVERYONE,
    ),
    Refusal(
        "restore the promotions experiment",
        "`experiments/restore`",
        in_evidence("experiments/restore"),
        EVERYONE,
    ),
    Refusal(
        "rename the promotions experiment",
        "`experiments/update`",
        in_evidence("experiments/update", new_name="elsewhere"),
        OTHERS,
    ),
    Refusal(
        "rename another experiment to the name of the promotions experiment",
        "`experiments/update` of the training experiment",
        lambda actor: actor.post(
            "experiments/update",
            experiment_id=actor.facts.training,
            new_name="fraud-detector-promotions",
        ),
        ("trainer",),
        "400 ",
    ),
    Refusal(
        "tag the promotions experiment",
        "`experiments/set-experiment-tag`",
        in_evidence("experiments/set-experiment-tag", key="x", value="y"),
        OTHERS,
    ),
    Refusal(
        "write in the promotions experiment",
        "a logged model",
        in_evidence("logged-models", name="m"),
        OTHERS,
    ),
    Refusal(
        "write in the promotions experiment",
        "a trace",
        post("/api/2.0/mlflow/traces", experiment_id="2", timestamp_ms=1),
        OTHERS,
    ),
    Refusal(
        "write in the promotions experiment",
        "a trace by OpenTelemetry",
        lambda actor: actor.send(
            "POST",
            "/v1/traces",
            b"",
            "application/x-protobuf",
            **{"X-Mlflow-Experiment-Id": actor.facts.evidence},
        ),
        OTHERS,
    ),
    Refusal(
        "write in the promotions experiment",
        "an evaluation data set",
        lambda actor: actor.post(
            f"{RIGHTS}/datasets/create", name="d", experiment_ids=[actor.facts.evidence]
        ),
        OTHERS,
    ),
    Refusal(
        "write in the promotions experiment",
        "a scorer",
        in_evidence(f"{RIGHTS}/scorers/register", name="s", serialized_scorer="{}"),
        EVERYONE,
    ),
    Refusal(
        "write in the promotions experiment",
        "a run of the prompt laboratory",
        in_evidence("/ajax-api/2.0/mlflow/runs/create-promptlab-run"),
        OTHERS,
    ),
)

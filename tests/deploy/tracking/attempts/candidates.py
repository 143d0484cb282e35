"""Changing candidates and training runs."""

from __future__ import annotations

from registry.tracking.names import CANDIDATES
from tests.deploy.tracking.attempts.requests import (
    CANDIDATE,
    change,
    put,
)
from tests.deploy.tracking.matrix import EVERYONE, OTHERS, READERS, Refusal

CANDIDATES_AND_TRAINING = (
    *(
        Refusal(what, f"`{method} {path}`", change(method, path, **{**CANDIDATE, **values}), actors)
        for what, method, path, values, actors in (
            ("edit a candidate", "PATCH", "model-versions/update", {"description": "x"}, OTHERS),
            (
                "edit a candidate",
                "POST",
                "model-versions/set-tag",
                {"key": "a", "value": "b"},
                OTHERS,
            ),
            (
                "edit a candidate",
                "DELETE",
                "model-versions/delete-tag",
                {"key": "files_sha256"},
                EVERYONE,
            ),
            (
                "edit a candidate",
                "POST",
                "model-versions/transition-stage",
                {"stage": "Archived"},
                OTHERS,
            ),
            ("delete a candidate", "DELETE", "model-versions/delete", {}, EVERYONE),
            (
                "move the alias `staging`",
                "POST",
                "registered-models/alias",
                {"alias": "staging"},
                READERS,
            ),
        )
    ),
    Refusal(
        "take the alias `staging` off",
        "`DELETE registered-models/alias`",
        change("DELETE", "registered-models/alias", name=CANDIDATES, alias="staging"),
        OTHERS,
    ),
    Refusal(
        "delete all candidates",
        "`DELETE registered-models/delete`",
        change("DELETE", "registered-models/delete", name=CANDIDATES),
        EVERYONE,
    ),
    Refusal(
        "register a candidate",
        "`model-versions/create`",
        lambda actor: actor.post(
            "model-versions/create",
            name=CANDIDATES,
            source=f"mlflow-artifacts:/{actor.facts.source}",
            run_id=actor.facts.evidence_run,
        ),
        READERS,
    ),
    Refusal(
        "overwrite a candidate's file",
        "`PUT` through the artifact proxy",
        put(lambda facts: f"{facts.candidate_source}/model.onnx"),
        ("promoter", *READERS),
    ),
    Refusal(
        "log in the training experiment",
        "a new run",
        lambda actor: actor.post("runs/create", experiment_id=actor.facts.training),
        ("promoter", *READERS),
    ),
    Refusal(
        "change a training run",
        "`runs/set-tag`",
        lambda actor: actor.post(
            "runs/set-tag", run_id=actor.facts.candidate_run, key="authors", value="git:me"
        ),
        ("promoter", *READERS),
    ),
    Refusal(
        "delete a training run",
        "`runs/delete`",
        lambda actor: actor.post("runs/delete", run_id=actor.facts.candidate_run),
        EVERYONE,
    ),
    Refusal(
        "delete the training experiment",
        "`experiments/delete`",
        lambda actor: actor.post("experiments/delete", experiment_id=actor.facts.training),
        EVERYONE,
    ),
)

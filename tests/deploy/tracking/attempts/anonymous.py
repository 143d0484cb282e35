"""Anything without a password."""

from __future__ import annotations

from tests.deploy.tracking.actor import PROXY, RIGHTS
from tests.deploy.tracking.attempts.requests import (
    OVERWRITE,
    RELEASE,
    change,
    get,
    post,
    put,
)
from tests.deploy.tracking.matrix import NOBODY, UNAUTHENTICATED, Refusal

WITHOUT_A_PASSWORD = tuple(
    Refusal(what, f"`{how}`", send, NOBODY, UNAUTHENTICATED)
    for what, how, send in (
        ("read the ledger", "model-versions/search", get("model-versions/search")),
        ("read an entry", "model-versions/get", get("model-versions/get", **RELEASE)),
        ("read the experiments", "experiments/search", get("experiments/search", max_results="9")),
        ("read runs", "runs/search", post("runs/search", experiment_ids=["1", "2"])),
        ("read by GraphQL", "/graphql", post("/graphql", query="{__typename}")),
        (
            "read a file",
            "GET through the artifact proxy",
            lambda a: a.get(f"{PROXY}/{a.facts.source}/model.onnx"),
        ),
        (
            "read a file",
            "get-artifact",
            lambda a: a.get("/get-artifact", run_uuid=a.facts.evidence_run, path="evidence.json"),
        ),
        (
            "read a file",
            "model-versions/get-artifact",
            get("/model-versions/get-artifact", path="MLmodel", **RELEASE),
        ),
        (OVERWRITE, "PUT", put(lambda facts: f"{facts.source}/model.onnx")),
        (
            "delete a file that Production resolves to",
            "DELETE",
            lambda a: a.send("DELETE", f"{PROXY}/{a.facts.source}/model.onnx"),
        ),
        ("append to the ledger", "model-versions/create", post("model-versions/create", **RELEASE)),
        (
            "delete an entry",
            "model-versions/delete",
            change("DELETE", "model-versions/delete", **RELEASE),
        ),
        ("log a run", "runs/create", post("runs/create", experiment_id="1")),
        ("make a user", "users/create", post("users/create", username="x", password="x" * 16)),
        ("make a user", "/signup", get("/signup")),
        ("list the users", "users/list", get("users/list")),
        ("list the roles", "roles/list", get(f"{RIGHTS}/roles/list")),
        ("list the webhooks", "webhooks", get("webhooks")),
        ("read the metrics of the server", "/metrics", get("/metrics")),
        ("open the user interface", "/", get("/")),
    )
)

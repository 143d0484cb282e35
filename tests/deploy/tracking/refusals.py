"""What MLflow's rights refuse, one attempt a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

from registry.tracking.names import CANDIDATES, PRODUCTION
from tests.deploy.tracking.matrix import (
    EVERYONE,
    NOBODY,
    OTHERS,
    READERS,
    UNAUTHENTICATED,
    Refusal,
)
from tests.deploy.tracking.team import API, PROXY, RIGHTS, Actor, Facts, Response, Team

RELEASE = {"name": PRODUCTION, "version": "1"}
CANDIDATE = {"name": CANDIDATES, "version": "1"}
OVERWRITE = "overwrite a file that Production resolves to"
AJAX_PROXY = PROXY.replace("/api/", "/ajax-api/")


def put(path: Callable[[Facts], str]) -> Callable[[Actor], Response]:
    return lambda actor: actor.put(path(actor.facts))


def post(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, **values)


def change(method: str, path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.change(method, path, **values)


def get(path: str, /, **query: str) -> Callable[[Actor], Response]:
    return lambda actor: actor.get(path, **query)


def on_run(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, run_id=actor.facts.evidence_run, **values)


def in_evidence(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, experiment_id=actor.facts.evidence, **values)


def own_model(_team: Team, actor: Actor) -> Actor:
    return actor.with_model()


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


def overwriting() -> Iterator[Refusal]:
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

LEDGER = (
    Refusal(
        "append to the ledger",
        "`model-versions/create`",
        lambda actor: actor.post(
            "model-versions/create",
            name=PRODUCTION,
            source=f"mlflow-artifacts:/{actor.facts.source}",
        ),
        OTHERS,
    ),
    Refusal(
        "append to the ledger",
        "`model-versions/create`, with a `source` elsewhere",
        post("model-versions/create", name=PRODUCTION, source="https://127.0.0.1:9/model"),
        OTHERS,
    ),
    *(
        Refusal(what, f"`{method} {path}`", change(method, path, **{**RELEASE, **values}), actors)
        for what, method, path, values, actors in (
            ("edit an entry", "PATCH", "model-versions/update", {"description": "x"}, OTHERS),
            ("edit an entry", "POST", "model-versions/set-tag", {"key": "a", "value": "b"}, OTHERS),
            (
                "edit an entry",
                "DELETE",
                "model-versions/delete-tag",
                {"key": "statement"},
                EVERYONE,
            ),
            (
                "edit an entry",
                "POST",
                "model-versions/transition-stage",
                {"stage": "Archived"},
                OTHERS,
            ),
            ("delete an entry", "DELETE", "model-versions/delete", {}, EVERYONE),
            (
                "move the alias `production`",
                "POST",
                "registered-models/alias",
                {"alias": "production"},
                OTHERS,
            ),
        )
    ),
    *(
        Refusal(what, f"`{method} {path}`", change(method, path, name=PRODUCTION, **values), actors)
        for what, method, path, values, actors in (
            (
                "take the alias `production` off",
                "DELETE",
                "registered-models/alias",
                {"alias": "production"},
                EVERYONE,
            ),
            ("delete the production model", "DELETE", "registered-models/delete", {}, EVERYONE),
            (
                "edit the production model",
                "PATCH",
                "registered-models/update",
                {"description": "x"},
                OTHERS,
            ),
            (
                "rename the production model",
                "POST",
                "registered-models/rename",
                {"new_name": "x"},
                OTHERS,
            ),
            (
                "tag the production model",
                "POST",
                "registered-models/set-tag",
                {"key": "a", "value": "b"},
                OTHERS,
            ),
            (
                "tag the production model",
                "DELETE",
                "registered-models/delete-tag",
                {"key": "team"},
                OTHERS,
            ),
        )
    ),
    Refusal(
        "make the production model while it is there",
        "`registered-models/create`",
        post("registered-models/create", name=PRODUCTION),
        OTHERS,
        "400 ",
    ),
    Refusal(
        "rename an own model to the name of the production model",
        "`registered-models/rename`",
        lambda actor: actor.post(
            "registered-models/rename", name=actor.own_model, new_name=PRODUCTION
        ),
        OTHERS,
        "400 ",
        own_model,
    ),
    *(
        Refusal(
            what,
            f"`DELETE {path}` with an own model in the query, the other in a body of `text/plain`",
            lambda actor, path=path, body=body: actor.send(  # type: ignore[misc]
                "DELETE", f"{API}/{path}?name={actor.own_model}", body.encode(), "text/plain"
            ),
            OTHERS,
            prepare=own_model,
        )
        for what, path, body in (
            (
                "delete the production model",
                "registered-models/delete",
                f'{{"name": "{PRODUCTION}"}}',
            ),
            (
                "delete an entry",
                "model-versions/delete",
                f'{{"name": "{PRODUCTION}", "version": "1"}}',
            ),
            (
                "edit an entry",
                "model-versions/delete-tag",
                f'{{"name": "{PRODUCTION}", "version": "1", "key": "statement"}}',
            ),
        )
    ),
)

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

USERS_AND_RIGHTS = (
    *(
        Refusal(
            what,
            f"`{method} {path.removeprefix(RIGHTS + '/')}`",
            change(method, path, **values),
            EVERYONE,
        )
        for what, method, path, values in (
            (
                "grant oneself a right",
                "POST",
                f"{RIGHTS}/users/permissions/grant",
                {
                    "username": "trainer",
                    "resource_type": "registered_model",
                    "resource_id": PRODUCTION,
                    "permission": "MANAGE",
                },
            ),
            (
                "grant oneself a right on everything",
                "POST",
                f"{RIGHTS}/users/permissions/grant",
                {
                    "username": "trainer",
                    "resource_type": "registered_model",
                    "resource_id": "*",
                    "permission": "MANAGE",
                },
            ),
            (
                "take a right away",
                "POST",
                f"{RIGHTS}/users/permissions/revoke",
                {
                    "username": "promoter",
                    "resource_type": "registered_model",
                    "resource_id": PRODUCTION,
                },
            ),
            (
                "add a right to a role",
                "POST",
                f"{RIGHTS}/roles/permissions/add",
                {
                    "role_id": 1,
                    "resource_type": "registered_model",
                    "resource_pattern": PRODUCTION,
                    "permission": "EDIT",
                },
            ),
            (
                "change a role",
                "PATCH",
                f"{RIGHTS}/roles/permissions/update",
                {"role_permission_id": 1, "permission": "MANAGE"},
            ),
            (
                "change a role",
                "DELETE",
                f"{RIGHTS}/roles/permissions/remove",
                {"role_permission_id": 1},
            ),
            (
                "take another role",
                "POST",
                f"{RIGHTS}/roles/assign",
                {"username": "trainer", "role_id": 2},
            ),
            (
                "take a role away",
                "DELETE",
                f"{RIGHTS}/roles/unassign",
                {"username": "promoter", "role_id": 2},
            ),
            (
                "make a role",
                "POST",
                f"{RIGHTS}/roles/create",
                {"workspace": "default", "name": "x"},
            ),
            ("delete a role", "DELETE", f"{RIGHTS}/roles/delete", {"role_id": 1}),
            (
                "become administrator",
                "PATCH",
                "users/update-admin",
                {"username": "trainer", "is_admin": True},
            ),
            (
                "change the administrator's password",
                "PATCH",
                "users/update-password",
                {"username": "admin", "password": "x" * 16},
            ),
            ("make a user", "POST", "users/create", {"username": "x", "password": "x" * 16}),
            ("delete a user", "DELETE", "users/delete", {"username": "admin"}),
        )
    ),
    Refusal("list the roles", "`roles/list`", get(f"{RIGHTS}/roles/list"), EVERYONE),
    Refusal(
        "list another's rights",
        "`users/permissions/list`",
        get(f"{RIGHTS}/users/permissions/list", username="admin"),
        EVERYONE,
    ),
    Refusal("read another user", "`users/get`", get("users/get", username="admin"), EVERYONE),
    Refusal(
        "make a webhook",
        "`POST webhooks`",
        post("webhooks", name="w", url="https://127.0.0.1:9", events=[]),
        EVERYONE,
    ),
    Refusal("list the webhooks", "`GET webhooks`", get("webhooks"), EVERYONE),
    Refusal("delete a webhook", "`DELETE webhooks/…`", change("DELETE", "webhooks/1"), EVERYONE),
    Refusal(
        "make the server send requests elsewhere",
        "a secret of the gateway",
        post(f"{RIGHTS}/gateway/secrets/create", secret_name="s", secret_value={"api_key": "k"}),
        EVERYONE,
    ),
    Refusal(
        "make the server send requests elsewhere",
        "an endpoint of the gateway",
        post(f"{RIGHTS}/gateway/endpoints/create", name="e", model_configs=[]),
        EVERYONE,
    ),
    Refusal(
        "make the server send requests elsewhere",
        "the gateway's proxy",
        post("/ajax-api/2.0/mlflow/gateway-proxy", gateway_path="x"),
        EVERYONE,
        '200 {"endpoints":[]}',
    ),
    Refusal(
        "make a prompt",
        "`registered-models/create` with MLflow's tag for prompts",
        post(
            "registered-models/create",
            name="p",
            tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}],
        ),
        EVERYONE,
    ),
    Refusal(
        "hide the ledger",
        "an entry with MLflow's tag for prompts",
        lambda actor: actor.post(
            "model-versions/create",
            name=PRODUCTION,
            source="prompt-template",
            tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}],
        ),
        EVERYONE,
    ),
)

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

REFUSALS: tuple[Refusal, ...] = (
    *overwriting(),
    *EVIDENCE,
    *LEDGER,
    *CANDIDATES_AND_TRAINING,
    *READING,
    *USERS_AND_RIGHTS,
    *WITHOUT_A_PASSWORD,
)

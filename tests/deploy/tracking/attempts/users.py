"""Changing users and their rights, and reaching out from the server."""

from __future__ import annotations

from registry.tracking.names import PRODUCTION
from tests.deploy.tracking.actor import RIGHTS
from tests.deploy.tracking.attempts.requests import (
    change,
    get,
    post,
)
from tests.deploy.tracking.matrix import EVERYONE, Refusal

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

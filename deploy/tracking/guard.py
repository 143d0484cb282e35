"""A stricter `authorization_function` for MLflow's basic auth, which runs inside its server.

In the server's `basic_auth.ini`: `authorization_function = deploy.tracking.guard:authenticate`.

MLflow 3.17.2 judges some requests by one value and carries them out with another, and lets every
user create experiments and registered models, whose owner can then do more (each way is a row in
docs/operations/rights.md). Administrators are not restricted.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.server import auth
from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store
from werkzeug.datastructures import Authorization

ENDPOINT = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/(.+)")

RESERVED = frozenset(
    {
        "demo/generate",
        "experiments/update",  # renames, and nothing else
        "registered-models/rename",
        "upload-artifact",  # judges `run_id`, and writes to `run_uuid`
        "users/list",
        "users/permissions/grant",
        "users/permissions/revoke",
        "users/update-password",  # passwords come from the files that `rights` reads
    }
)
"""Endpoints for administrators alone: none of our programs uses them."""
CREATIONS = ("experiments/create", "registered-models/create")


def authenticate() -> Authorization | Response:
    """The user of this request, as basic auth says; or the response that refuses it."""
    user = auth.authenticate_request_basic_auth()
    if isinstance(user, Response) or auth.store.get_user(str(user.username)).is_admin:
        return user
    endpoint = ENDPOINT.fullmatch(auth._strip_static_prefix(request.path))
    reason = _refusal(endpoint[1]) if endpoint else ""
    return Response(reason, 403, mimetype="text/plain") if reason else user


def _refusal(endpoint: str) -> str:
    """Why this request is refused; empty where it is not."""
    if endpoint in RESERVED:
        return "only an administrator may do this"
    if request.method in ("GET", "HEAD"):
        return ""
    return _ambiguity() or (_not_to_be_made(endpoint) if endpoint in CREATIONS else "")


def _ambiguity() -> str:
    """How this change could be judged by one value, and done with another."""
    if request.query_string:
        return "a request that changes something takes no query"
    if not request.get_data():
        return ""
    if not request.is_json:
        return "the body must be sent as application/json"
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return "the body must be a JSON object"
    return "" if all(key == key.lower() for key in body) else "write run_id, not runId"


def _not_to_be_made(endpoint: str) -> str:
    """What exists passes: our programs make it "if need be", and go on where it is there."""
    name = str((request.get_json(silent=True) or {}).get("name"))
    find: Callable[[str], object] = (
        _get_tracking_store().get_experiment_by_name
        if endpoint == "experiments/create"
        else _get_model_registry_store().get_registered_model
    )
    try:
        exists = find(name) is not None
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        exists = False
    return "" if exists else "only an administrator creates experiments and registered models"

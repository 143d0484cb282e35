"""Changing the registered model of the ledger, and its versions."""

from __future__ import annotations

from registry.tracking.names import PRODUCTION
from tests.deploy.tracking.actor import API
from tests.deploy.tracking.attempts.requests import (
    RELEASE,
    change,
    own_model,
    post,
)
from tests.deploy.tracking.matrix import EVERYONE, OTHERS, Refusal

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

"""MLflow's application with users, and the check `/ready`, which asks the database.

MLflow's own `/health` answers 200 while the database is away.
"""

from __future__ import annotations

import asyncio
import os
import time
from importlib import import_module

from sqlalchemy.engine import Engine
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.tracking.database import answers, engine_for_checks
from deploy.tracking.oidc import PACKAGE, uses_oidc

READY = "/ready"
CACHED_SECONDS = 1.0
"""Nobody needs to sign in to ask: more requests ask the database no more often."""


def create_app() -> ASGIApp:
    """What `mlflow server --app-name fraud-tracking` runs in each of its processes."""
    if uses_oidc():
        create_mlflow_app = _create_oidc_app
    else:
        from mlflow.server.auth import create_app as create_mlflow_app  # noqa: PLC0415

    uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    return ReadyCheck(create_mlflow_app(), engine_for_checks(uri))


def _create_oidc_app() -> ASGIApp:
    """With mlflow-oidc-auth, which checks the name of the server on MLflow's routes only."""
    from mlflow.server.fastapi_security import HostValidationMiddleware  # noqa: PLC0415
    from mlflow.server.security_utils import get_allowed_hosts_from_env  # noqa: PLC0415

    app = import_module(f"{PACKAGE}.app").app
    checked: ASGIApp = HostValidationMiddleware(app, get_allowed_hosts_from_env() or [])
    return checked


class ReadyCheck:
    """Answers GET and HEAD of `/ready`; passes all else on."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app, self._engine = app, engine
        self._lock = asyncio.Lock()
        self._checked_at, self._is_ready = float("-inf"), False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != READY:
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            response = PlainTextResponse("Method Not Allowed\n", 405)
        elif await self._ready():
            response = PlainTextResponse("ready\n")
        else:
            response = PlainTextResponse("the database does not answer\n", 503)
        await response(scope, receive, send)

    async def _ready(self) -> bool:
        async with self._lock:
            if time.monotonic() > self._checked_at + CACHED_SECONDS:
                self._is_ready = await asyncio.to_thread(answers, self._engine)
                self._checked_at = time.monotonic()
            return self._is_ready

"""What `gunicorn_conf.py` names: the app and the worker class."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from inference.app import Service, make_service
from inference.http_protocol import HttpProtocol
from inference.logs import log_as_json
from inference.settings import read_settings
from registry.errors import RegistryError, UsageError


def create_app() -> Service:
    """The service with the settings of the environment. Under gunicorn only.

    An invalid setting ends the process with one line, and so does any other server: without
    `HttpProtocol`, a stranger can fill its memory with the head of one request.
    """
    try:
        if not os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn"):
            raise UsageError(
                "another server would not bound what a client may send; run "
                "`python -m inference`, or `gunicorn -c gunicorn_conf.py` for several workers"
            )
        return make_service(read_settings())
    except RegistryError as error:
        raise SystemExit(f"error: {error}") from None


class Worker(UvicornWorker):  # type: ignore[misc]
    """uvicorn's worker with the settings that `python -m inference` gives to uvicorn."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "http": HttpProtocol,
        "server_header": False,
        "access_log": False,
        "proxy_headers": False,
        "ws": "none",
    }

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        log_as_json()  # uvicorn's worker has set up its loggers anew

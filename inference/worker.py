"""The gunicorn worker class that `gunicorn_conf.py` names."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from inference.http_protocol import HttpProtocol


class Worker(UvicornWorker):  # type: ignore[misc]
    """uvicorn's worker with the service's HTTP protocol, without Server header and access log."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "http": HttpProtocol,
        "server_header": False,
        "access_log": False,
        "ws": "none",
    }

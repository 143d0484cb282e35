"""The gunicorn worker that `gunicorn_conf.py` names."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from inference.http_protocol import PunctualProtocol


class Worker(UvicornWorker):  # type: ignore[misc]
    """uvicorn's worker, without a banner and an access log of its own."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "http": PunctualProtocol,
        "server_header": False,
        "access_log": False,
        "ws": "none",
    }

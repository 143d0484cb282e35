"""The upper limit: an ASGI function that reads the body and answers with a constant."""

from __future__ import annotations

import os
from pathlib import Path

from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

ANSWER = Path(os.environ["BENCH_ANSWER"]).read_bytes()
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
]


async def app(_: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer every request with the same bytes."""
    while (await receive()).get("more_body"):
        pass
    await send(
        {"type": "http.response.start", "status": 200, "headers": HEADERS, "trailers": False}
    )
    await send({"type": "http.response.body", "body": ANSWER, "more_body": False})

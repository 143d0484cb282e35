"""Reading the body of a request, up to its size limit (413)."""

from __future__ import annotations

from starlette.types import Receive

from inference.messages import Reply, RequestContext, json_reply

DISCONNECTED = Reply(400, b"")


async def read_body(receive: Receive, request: RequestContext, max_bytes: int) -> bytes | Reply:
    """The body of a request; a Reply if it is too large, or the client closed the connection."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        chunks = bytearray(body)
        while message.get("more_body") and len(chunks) <= max_bytes:
            message = await receive()
            chunks += message.get("body", b"")
        body = bytes(chunks)
    if message["type"] == "http.disconnect":
        return DISCONNECTED  # not an error of the service, and not received by anyone
    if len(body) > max_bytes:
        detail = f"the body is larger than {max_bytes} bytes"
        return json_reply({"detail": detail}, 413, (b"connection", b"close"))
    request.body_read = True
    return body

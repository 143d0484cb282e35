"""A small server that answers as Azure Storage does where Azurite cannot: throttled, refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ACCOUNT, KEY = "fraudteam", "c2VjcmV0"


@dataclass
class StorageServer:
    """Answers with `answers`, one each, the last one again and again."""

    port: int
    answers: list[tuple[int, str, str]]
    """HTTP status, the service's code, and a detail."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of each answer, besides those that all have."""
    requests: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def connection_string(self) -> str:
        return (
            f"BlobEndpoint=http://127.0.0.1:{self.port}/{ACCOUNT};"
            f"AccountName={ACCOUNT};AccountKey={KEY}"
        )


@contextmanager
def storage_server(*answers: tuple[int, str, str]) -> Iterator[StorageServer]:
    """Source: "Status and error codes" of the Azure Storage REST API."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            served.bodies.append(self.rfile.read(length))
            status, code, detail = served.answers[0]
            if len(served.answers) > 1:
                served.answers.pop(0)
            served.requests.append(self.command)
            body = (
                f"<Error><Code>{code}</Code><Message>The reason.\nRequestId:1</Message>"
                f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail></Error>"
                if code
                else ""
            ).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1"')
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 08:00:00 GMT")
            for name, value in served.headers.items():
                self.send_header(name, value)
            if code:
                self.send_header("x-ms-error-code", code)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = StorageServer(server.server_port, list(answers))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()

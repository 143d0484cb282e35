"""A stand-in pod: an HTTP server on loopback that answers /model and /metrics as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from registry.rollout.answers import Served


@dataclass
class StandIn:
    """What it serves and has counted; `bodies` replaces the answer of a path."""

    served: Served
    address: str = ""
    ok: int = 0
    failed: int = 0
    review: int = 0
    swaps: int = 0
    token: str = ""
    metrics_token: str = ""
    bodies: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        token = self.metrics_token if path == "/metrics" else self.token
        if token and authorization != f"Bearer {token}":
            return 401, b"{}"
        if path in self.bodies:
            return self.bodies[path]
        if path == "/model":
            model = {"version": self.served.version, "digest": self.served.digest}
            return 200, json.dumps(model).encode()
        return 200, self.metrics.encode()

    @property
    def metrics(self) -> str:
        info = f'version="{self.served.version}",digest="{self.served.digest}"'
        return (
            f"fraud_model_info{{{info}}} 1.0\n"
            f"fraud_swaps_total {self.swaps}.0\n"
            f'fraud_requests_total{{route="/predict",status="200"}} {self.ok}.0\n'
            f'fraud_requests_total{{route="/predict",status="500"}} {self.failed}.0\n'
            f'fraud_decisions_total{{decision="review"}} {self.review}.0\n'
            f'fraud_decisions_total{{decision="approve"}} {self.ok - self.review}.0\n'
        )


@contextmanager
def standing_in(served: Served, **counted: int) -> Iterator[StandIn]:
    """A stand-in that serves a model, until the block ends."""
    pod = StandIn(served, **counted)  # type: ignore[arg-type]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = pod.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        pod.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield pod
        finally:
            server.shutdown()
            thread.join()

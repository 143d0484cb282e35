"""A token endpoint that plays Microsoft Entra ID for workload identities of this machine.

Source: OAuth 2.0 client credentials with a federated credential, as Microsoft's identity platform
documents them. Whoever holds the federated token gets access tokens; their signature is not
Microsoft's, and Azurite does not check it.
"""

from __future__ import annotations

import hmac
import json
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

HOST = "login.microsoftonline.com"
TENANT_ID = "11111111-2222-3333-4444-555555555555"
CLIENT_ID = "66666666-7777-8888-9999-000000000000"
VALID_SECONDS = 3600
_MAX_FORM_BYTES = 2**16


def access_token(scope: str, now: float, valid_seconds: int = VALID_SECONDS) -> str:
    """A JSON Web Token (RFC 7519) for a scope such as `https://storage.azure.com/.default`."""
    claims = {
        "aud": scope.removesuffix("/.default"),
        "iss": f"https://sts.windows.net/{TENANT_ID}/",
        "nbf": int(now) - 60,
        "iat": int(now) - 60,
        "exp": int(now) + valid_seconds,
        "tid": TENANT_ID,
        "oid": CLIENT_ID,
    }
    parts: tuple[dict[str, object], ...] = ({"typ": "JWT", "alg": "RS256"}, dict(claims))
    encoded = [_base64(json.dumps(part).encode()) for part in parts]
    return ".".join((*encoded, _base64(b"not signed by Microsoft")))


@contextmanager
def token_endpoint(
    federated_token: str, certificate: ssl.SSLContext, valid_seconds: int = VALID_SECONDS
) -> Iterator[int]:
    """The endpoint, over TLS; yields its port on loopback.

    Another federated token than this one is answered as Entra ID does.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            """The documents by which MSAL finds the endpoint."""
            tenant = f"https://{HOST}/{TENANT_ID}"
            discovered = {"preferred_network": HOST, "preferred_cache": HOST, "aliases": [HOST]}
            self._answer(
                200,
                {
                    "issuer": f"{tenant}/v2.0",
                    "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                    "tenant_discovery_endpoint": f"{tenant}/v2.0/.well-known/openid-configuration",
                    "metadata": [discovered],
                },
            )

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _MAX_FORM_BYTES)
            form = parse_qs(self.rfile.read(length).decode())
            assertion = form.get("client_assertion", [""])[0]
            if not hmac.compare_digest(assertion.encode(), federated_token.encode()):
                reason = "AADSTS700213: No matching federated identity record found."
                self._answer(401, {"error": "invalid_client", "error_description": reason})
                return
            token = access_token(form.get("scope", [""])[0], time.time(), valid_seconds)
            self._answer(
                200,
                {"token_type": "Bearer", "expires_in": VALID_SECONDS, "access_token": token},
            )

        def _answer(self, status: int, content: dict[str, object]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a line could hold a token."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = certificate.wrap_socket(
            server.socket,
            server_side=True,
            do_handshake_on_connect=False,  # in the thread of its request instead
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="token-endpoint")
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()

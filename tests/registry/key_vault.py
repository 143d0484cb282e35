"""A stand-in for Azure Key Vault and Entra ID on a loopback port, for the real SDK.

An HTTPS proxy (CONNECT) that responds for both. It implements what Microsoft documents under "Key
Vault REST API: Get Key, Sign" and "Authentication, requests and responses" (the 401 challenge), and
the OAuth 2.0 client-credentials flow with its OpenID discovery.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ENTRA = "login.microsoftonline.com"
TENANT, CLIENT, SECRET = "11111111-1111-1111-1111-111111111111", "the-job", "made for this test"
TOKEN = "a-token-for-the-vault"
VERSION = "0123456789abcdef0123456789abcdef"
KEY_PATH = f"/keys/ledger/{VERSION}"


@dataclass
class KeyVault:
    """A vault with one key; tests change its fields."""

    port: int
    certificates: Path
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    signs_with: ec.EllipticCurvePrivateKey | None = None
    """Another key than the one that `get` returns, used from sign request `honest` + 1 on."""
    honest: int = 0
    denied: tuple[str, ...] = ()
    """The rights that the job's identity lacks: `get`, `sign`, or Entra ID's `token`."""
    broken: int = 0
    """The HTTP status of every response; 0 where the vault works."""
    silent_seconds: float = 0
    requests: list[str] = field(default_factory=list)
    """Host, method and last part of the path of every request, in order."""

    @property
    def address(self) -> str:
        """URL of the key; each vault has its own name, because the SDK caches challenges by it."""
        return f"https://fraud-{self.port}.vault.azure.net{KEY_PATH}"

    @property
    def uri(self) -> str:
        """The value of FRAUD_SIGNING_KEY."""
        return self.address.replace("https:", "azurekms:")

    @property
    def environment(self) -> dict[str, str]:
        """The job's environment: the proxy, the CA to trust, and its own identity."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self.port}",
            "REQUESTS_CA_BUNDLE": str(self.certificates),
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": SECRET,
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        }

    @property
    def public_pem(self) -> str:
        public = self.key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def signatures(self) -> int:
        return self.requests.count("vault POST sign")

    def jwk(self) -> dict[str, Any]:
        common = {"kid": self.address, "key_ops": ["sign", "verify"]}
        if isinstance(self.key, rsa.RSAPrivateKey):
            public = self.key.public_key().public_numbers()
            return {**common, "kty": "RSA", "n": _number(public.n, 256), "e": _number(public.e, 3)}
        curve = {"secp256r1": "P-256", "secp384r1": "P-384"}[self.key.curve.name]
        point, size = self.key.public_key().public_numbers(), (self.key.key_size + 7) // 8
        x, y = _number(point.x, size), _number(point.y, size)
        return {**common, "kty": "EC", "crv": curve, "x": x, "y": y}

    def sign(self, digest: bytes) -> bytes | None:
        """The ES256 signature, r and s with 32 bytes each; None if the key is unsuitable."""
        key = self.key
        if self.signs_with is not None and self.signatures > self.honest:
            key = self.signs_with
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            return None
        r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _number(value: int, size: int) -> str:
    return _base64url(value.to_bytes(size, "big"))


@contextmanager
def key_vault(folder: Path) -> Iterator[KeyVault]:
    """A vault with a new P-256 key, which never leaves this process."""
    authority = trustme.CA()
    certificates = folder / "azure-ca.pem"
    authority.cert_pem.write_to_path(str(certificates))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(ENTRA, "*.vault.azure.net").configure_cert(context)

    class Handler(_Handler):
        tls = context

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vault = KeyVault(server.server_port, certificates, ec.generate_private_key(ec.SECP256R1()))
    Handler.vault = vault
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    tls: ssl.SSLContext
    vault: KeyVault

    def do_CONNECT(self) -> None:
        self.host = self.path.removesuffix(":443")
        self.send_response(200)
        self.end_headers()
        for file in (self.rfile, self.wfile):
            file.close()
        self.request = self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.setup()
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_GET(self) -> None:
        path, _, _ = self.path.partition("?")
        self._record("GET", path)
        if self.host == ENTRA:
            self._discovery(path)
        elif self._allowed("get"):
            times = {"created": 1767225600, "updated": 1767225600, "enabled": True}
            self._respond(200, {"key": self.vault.jwk(), "attributes": times})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, _ = self.path.partition("?")
        self._record("POST", path)
        if self.host == ENTRA:
            self._token(body.decode())
        elif self._allowed("sign"):
            self._sign(json.loads(body))

    def _record(self, method: str, path: str) -> None:
        host = "Entra" if self.host == ENTRA else "vault"
        self.vault.requests.append(f"{host} {method} {path.rsplit('/', 1)[1]}")

    def _discovery(self, path: str) -> None:
        tenant = f"https://{ENTRA}/{TENANT}"
        if path.endswith("/.well-known/openid-configuration"):
            self._respond(
                200,
                {
                    "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                    "issuer": f"{tenant}/v2.0",
                },
            )
        else:
            names = [ENTRA, "login.windows.net"]
            network = {"preferred_network": ENTRA, "preferred_cache": ENTRA, "aliases": names}
            endpoint = f"{tenant}/v2.0/.well-known/openid-configuration"
            self._respond(200, {"tenant_discovery_endpoint": endpoint, "metadata": [network]})

    def _token(self, form: str) -> None:
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        expected = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": "https://vault.azure.net/.default",
        }
        if "token" in self.vault.denied or fields != fields | expected:
            message = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"
            self._respond(401, {"error": "invalid_client", "error_description": message})
        else:
            grant = {"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN}
            self._respond(200, grant)

    def _allowed(self, right: str) -> bool:
        """Whether the request is allowed; if not, the response was sent."""
        time.sleep(self.vault.silent_seconds)
        if self.vault.broken:
            self._respond(self.vault.broken, _error("ServiceUnavailable", "Try again."))
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = (
                f'Bearer authorization="https://{ENTRA}/{TENANT}", '
                'resource="https://vault.azure.net"'
            )
            self._respond(401, _error("Unauthorized", "Missing token."), challenge)
        elif right in self.vault.denied:
            message = f"Caller is not authorized.\r\nAction: 'keys/{right}'"
            self._respond(403, _error("Forbidden", message))
        elif not self.path.startswith(KEY_PATH):
            self._respond(404, _error("KeyNotFound", "A key with this name was not found."))
        else:
            return True
        return False

    def _sign(self, request: dict[str, str]) -> None:
        value = request["value"]
        digest = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        signature = self.vault.sign(digest) if request["alg"] == "ES256" else None
        if signature is None:
            message = "Key and signing algorithm are incompatible."
            self._respond(400, _error("BadParameter", message))
        else:
            signed = {"kid": self.vault.address, "value": _base64url(signature)}
            self._respond(200, signed)

    def _respond(self, status: int, document: dict[str, Any], challenge: str = "") -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Print nothing to standard error."""


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}

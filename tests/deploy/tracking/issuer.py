"""An issuer of OpenID Connect on loopback, as far as a relying party sees one.

Source: OpenID Connect Core 1.0 (authorization code flow), Discovery 1.0, RFC 7636 (PKCE).
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT_ID = "11111111-aaaa-bbbb-cccc-222222222222"
CLIENT_SECRET = "the secret of the application"
LIFETIME_SECONDS = 600
Claims = Mapping[str, object]


def base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(claims: Claims, key: rsa.RSAPrivateKey | None, algorithm: str = "RS256") -> str:
    """A JWT in compact form; without a key, its signature is empty."""
    header = {"alg": algorithm, "kid": "key-1", "typ": "JWT"}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, dict(claims)))
    signature = key.sign(signed.encode(), padding.PKCS1v15(), SHA256()) if key else b""
    return f"{signed}.{base64url(signature)}"


@dataclass
class Issuer:
    """Who signs in next, and what the issuer says about them."""

    uri: str
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    user: Claims = field(default_factory=dict)
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(time.time())
        times = {"iat": now, "nbf": now, "exp": now + LIFETIME_SECONDS}
        return {"iss": self.uri, "aud": CLIENT_ID, "sub": "s", **times, **changes}

    def bearer(self, **changes: object) -> str:
        """An access token, right unless a claim is changed; None leaves a claim out."""
        claims = self.claims(**changes)
        return token({name: value for name, value in claims.items() if value is not None}, self.key)

    def discovery(self) -> Claims:
        return {
            "issuer": self.uri,
            "authorization_endpoint": f"{self.uri}/authorize",
            "token_endpoint": f"{self.uri}/token",
            "jwks_uri": f"{self.uri}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> Claims:
        numbers = self.key.public_key().public_numbers()
        modulus, exponent = (
            base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for number in (numbers.n, numbers.e)
        )
        fixed = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "key-1"}
        return {"keys": [{**fixed, "n": modulus, "e": exponent}]}

    def authorize(self, query: Mapping[str, str]) -> str:
        """The address to which the browser is sent back, as if `user` had signed in."""
        code = secrets.token_urlsafe()
        self.codes[code] = query
        answer = urlencode({"code": code, "state": query["state"]})
        return f"{query['redirect_uri']}?{answer}"

    def exchange(self, form: Mapping[str, str], authorization: str) -> tuple[int, Claims]:
        """Status and body of the token endpoint; a code is taken once."""
        query = self.codes.pop(form.get("code", ""), None)
        if _client(form, authorization) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        challenge = base64url(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            query is None
            or query["redirect_uri"] != form["redirect_uri"]
            or query["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}
        claims = self.claims(**{"nonce": query["nonce"], **self.user})
        return 200, {
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "access_token": self.bearer(**self.user),
            "id_token": token(claims, self.key),
        }


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    if authorization.startswith("Basic "):
        name, _, secret = b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return unquote(name.replace("+", " ")), unquote(secret.replace("+", " "))
    return form.get("client_id", ""), form.get("client_secret", "")


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            documents = {
                "/.well-known/openid-configuration": issuer.discovery,
                "/keys": issuer.keys,
            }
            if address.path == "/authorize":
                self.send_response(302)
                query = dict(parse_qsl(address.query))
                self.send_header("Location", issuer.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif make := documents.get(address.path):
                self._answer(200, make())
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*issuer.exchange(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: Claims) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server.RequestHandlerClass = Handler
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()

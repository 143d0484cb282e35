"""How the registry is reached: who asks, which certificates count, and how often it is tried."""

from __future__ import annotations

import configparser
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import requests
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from registry.errors import Unreachable, UsageError, on_one_line

REFUSAL_BYTES = 4096
PIECE_BYTES = 2**20
ANSWER_SECONDS = 600.0
TRANSIENT = (408, 429, 500, 502, 503, 504)


class Access(BaseSettings):
    """How to reach the server, from the environment variables of MLflow's own client."""

    model_config = SettingsConfigDict(env_prefix="MLFLOW_", hide_input_in_errors=True)

    tracking_username: str = ""
    tracking_password: SecretStr = SecretStr("")
    tracking_token: SecretStr = SecretStr("")
    tracking_server_cert_path: str = ""
    tracking_client_cert_path: str = ""
    tracking_insecure_tls: bool = False
    http_request_timeout: Annotated[float, Field(gt=0)] = 20
    http_request_max_retries: Annotated[int, Field(ge=0, lt=10)] = 3

    def session(self) -> requests.Session:
        """A session that proves who asks, checks certificates and tries again as is said here."""
        session = requests.Session()
        name, password = self.tracking_username, self.tracking_password.get_secret_value()
        if not (name and password):
            name, password = _from_credentials_file()
        if name and password:
            session.auth = HTTPBasicAuth(name.encode(), password.encode())
        elif token := self.tracking_token.get_secret_value():
            session.auth = _Bearer(token)
        session.verify = self.tracking_server_cert_path or not self.tracking_insecure_tls
        session.cert = self.tracking_client_cert_path or None
        retry = Retry(
            total=self.http_request_max_retries,
            backoff_factor=0.2,
            status_forcelist=TRANSIENT,
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _from_credentials_file() -> tuple[str, str]:
    """User and password of `~/.mlflow/credentials`, as MLflow's documentation keeps them."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(Path.home() / ".mlflow" / "credentials")
    except (configparser.Error, UnicodeDecodeError, OSError, RuntimeError) as error:
        raise UsageError(f"~/.mlflow/credentials cannot be read ({type(error).__name__})") from None
    name, password = (
        config.get("mlflow", f"mlflow_tracking_{one}", fallback="")
        for one in ("username", "password")
    )
    return name, password


class Connection:
    """A server that is asked with GET; each answer is bounded in bytes and in time."""

    def __init__(self, address: str) -> None:
        """Nothing is sent yet. Raises UsageError for a wrong variable of `Access`."""
        try:
            access = Access()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UsageError(f"MLFLOW_{str(first['loc'][0]).upper()}: {first['msg']}") from None
        self._address = address.rstrip("/")
        self._session, self._timeout = access.session(), access.http_request_timeout

    def get(self, doing: str, path: str, query: dict[str, str], most_bytes: int) -> Iterator[bytes]:
        """The body of the answer, piece by piece. It may be neither endless nor trickle for ever.

        Raises Unreachable, beginning with what was being done.
        """
        ends, size = time.monotonic() + ANSWER_SECONDS, 0
        with (
            _as_unreachable(doing),
            self._session.get(
                self._address + path, params=query, timeout=self._timeout, stream=True
            ) as answer,
        ):
            if answer.status_code != requests.codes.ok:
                raise Unreachable(f"{doing}: {_refusal(answer)}")
            while piece := answer.raw.read1(PIECE_BYTES, decode_content=True):
                size += len(piece)
                if size > most_bytes:
                    raise Unreachable(f"{doing}: the answer is larger than {most_bytes:,} bytes")
                if time.monotonic() > ends:
                    raise Unreachable(f"{doing}: the answer did not end in {ANSWER_SECONDS:g} s")
                yield piece


@contextmanager
def _as_unreachable(doing: str) -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, HTTPError, OSError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise Unreachable(f"{doing}: {on_one_line(lines[0])[:400]}") from error


def _refusal(answer: requests.Response) -> str:
    """Status, and what MLflow says of it, if it is MLflow."""
    try:
        said = str(json.loads(answer.raw.read(REFUSAL_BYTES, decode_content=True))["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code} {on_one_line(answer.reason or '')[:100]}".rstrip()
    return f"HTTP {answer.status_code}: {on_one_line(said.split(chr(10), 1)[0])[:300]}"

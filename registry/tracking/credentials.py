"""Access to the tracking server: credentials, certificates, timeout and retries."""

from __future__ import annotations

import configparser
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from registry.errors import UsageError, first_error
from registry.tracking.client_settings import MAX_RETRIES, TIMEOUT_SECONDS


class Access(BaseSettings):
    """How to reach the server, from the environment variables of MLflow's own client."""

    model_config = SettingsConfigDict(env_prefix="MLFLOW_", hide_input_in_errors=True)

    tracking_username: str = ""
    tracking_password: SecretStr = SecretStr("")
    tracking_token: SecretStr = SecretStr("")
    tracking_server_cert_path: str = ""
    tracking_client_cert_path: str = ""
    tracking_insecure_tls: bool = False
    # Not supported: ignored, requests would be sent without the credentials that the user expects.
    tracking_auth: Annotated[str, Field(max_length=0)] = ""
    tracking_aws_sigv4: Annotated[bool, Field(lt=1)] = False
    workspace: str = ""
    http_request_timeout: Annotated[float, Field(gt=0, le=3600)] = TIMEOUT_SECONDS
    http_request_max_retries: Annotated[int, Field(ge=0, lt=10)] = MAX_RETRIES

    def headers(self) -> dict[str, str]:
        """A request's headers: credentials and workspace. Raises UsageError, without the secret."""
        headers = {"Accept-Encoding": "identity"}
        user, password = _from_credentials_file()
        user = self.tracking_username or user
        password = self.tracking_password.get_secret_value() or password
        if user and password:
            basic = b64encode(f"{user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        elif token := self.tracking_token.get_secret_value().strip():
            headers["Authorization"] = f"Bearer {_header_value(token, 'MLFLOW_TRACKING_TOKEN')}"
        if workspace := self.workspace.strip():
            headers["X-MLFLOW-WORKSPACE"] = _header_value(workspace, "MLFLOW_WORKSPACE")
        return headers

    def tls(self) -> ssl.SSLContext:
        """The trusted certificates, and our own. Raises UsageError where one cannot be read."""
        try:
            context = ssl.create_default_context(cafile=self.tracking_server_cert_path or None)
            if self.tracking_client_cert_path:
                context.load_cert_chain(self.tracking_client_cert_path)
        except OSError as error:
            raise UsageError(
                "MLFLOW_TRACKING_SERVER_CERT_PATH or MLFLOW_TRACKING_CLIENT_CERT_PATH cannot be "
                f"used: {error.strerror or type(error).__name__}"
            ) from error
        if self.tracking_insecure_tls and not self.tracking_server_cert_path:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def _header_value(value: str, variable: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise UsageError(f"{variable} contains characters that an HTTP header cannot hold")
    return value


def _from_credentials_file() -> tuple[str, str]:
    """User and password of `~/.mlflow/credentials`, read as MLflow reads it."""
    config = configparser.ConfigParser()
    try:
        config.read(Path.home() / ".mlflow" / "credentials")
        user = config.get("mlflow", "mlflow_tracking_username", fallback="")
        password = config.get("mlflow", "mlflow_tracking_password", fallback="")
    except (configparser.Error, UnicodeDecodeError, OSError, RuntimeError) as error:
        raise UsageError(f"~/.mlflow/credentials cannot be read ({type(error).__name__})") from None
    return user, password


def read_access() -> Access:
    """Access from the environment. Raises UsageError with the variable, and never its value."""
    try:
        return Access()
    except ValidationError as error:
        first = first_error(error)
        name = f"MLFLOW_{first.field.upper()}"
        if name in ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4"):
            raise UsageError(f"{name} is not supported here; use MLFLOW_TRACKING_TOKEN") from None
        raise UsageError(f"{name}: {first.message}") from None

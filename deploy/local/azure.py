"""Azure on this machine: Azurite behind Azure's own host names, and a token endpoint.

Programs run unchanged: `DefaultAzureCredential` takes its token as a workload identity on AKS does,
and `wasbs://CONTAINER@ACCOUNT.blob.core.windows.net` is an address that works. Azurite checks each
token's audience, issuer and times, but neither its signature nor roles.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import certifi
import trustme

from deploy.local import entra
from deploy.local.azure_proxy import azure_proxy
from deploy.local.processes import NotStarted, free_port, running, wait_until_listening
from deploy.local.restartable import Restartable
from deploy.secret_file import write_secret

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient

ACCOUNT = "fraudteam"
BLOB_HOST = f"{ACCOUNT}.blob.core.windows.net"
PROGRAM = "azurite-blob"
INSTALLATION = "`npm install --global azurite` installs it"


def azurite_program() -> str | None:
    """The path of Azurite's blob server: of the variable AZURITE, or on the PATH."""
    return os.environ.get("AZURITE") or shutil.which(PROGRAM)


class LocalAzure:
    """A storage account that answers; `environment` are the variables with which one reaches it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.server = Restartable(self._azurite)
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.environment: dict[str, str] = {}

    @property
    def connection_string(self) -> str:
        """For those who have no identity; it holds the account's key."""
        return (
            f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={self.key};"
            "EndpointSuffix=core.windows.net"
        )

    def address(self, container: str, path: str = "") -> str:
        return f"wasbs://{container}@{BLOB_HOST}" + (f"/{path}" if path else "")

    @contextmanager
    def _azurite(self) -> Iterator[subprocess.Popen[bytes]]:
        program = azurite_program()
        if program is None:
            raise NotStarted(f"{PROGRAM} is not installed: {INSTALLATION}")
        command = [
            *(program, "--blobHost", "127.0.0.1", "--blobPort", str(self.port)),
            *("--location", str(self._folder / "blobs"), "--oauth", "basic"),
            *("--cert", str(self._folder / "azurite.pem")),
            *("--key", str(self._folder / "azurite.key")),
            # Azurite knows the service's versions up to its own release, and no later client.
            *("--skipApiVersionCheck", "--silent", "--disableTelemetry"),
        ]
        log = self._folder / "azurite.log"
        environment = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self.key}"}
        with running(command, log, environment) as process:
            wait_until_listening(process, self.port, log)
            yield process

    def create_containers(self, names: Sequence[str]) -> None:
        """Create containers that are missing, as Terraform does on Azure."""
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415 (slow to import)

        with self._service() as service:
            for name in names:
                with suppress(ResourceExistsError):
                    service.create_container(name)

    @contextmanager
    def blob(self, address: str) -> Iterator[BlobClient]:
        """The blob at a `wasbs://` address, with all rights: those of the account's key."""
        parts = urlsplit(address)
        with self._service() as service:
            yield service.get_blob_client(parts.username or "", parts.path.removeprefix("/"))

    def _service(self) -> BlobServiceClient:
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415 (slow to import)

        return BlobServiceClient.from_connection_string(
            self.connection_string,
            connection_verify=self.environment["REQUESTS_CA_BUNDLE"],
            proxies={"https": self.environment["HTTPS_PROXY"]},
        )


@contextmanager
def local_azure(
    folder: Path, containers: Sequence[str] = (), *, token_seconds: int = entra.VALID_SECONDS
) -> Iterator[LocalAzure]:
    """Start a storage account with its files in `folder`. Raises NotStarted.

    Its certificates and key are new each time. Tokens end after `token_seconds`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        azure = LocalAzure(folder)
        authority = trustme.CA()
        bundle = folder / "ca.pem"
        bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
        certificate = authority.issue_cert(f"*.{BLOB_HOST.partition('.')[2]}")
        write_secret(folder / "azurite.key", certificate.private_key_pem.bytes().decode())
        (folder / "azurite.pem").write_bytes(
            b"".join(part.bytes() for part in certificate.cert_chain_pems)
        )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(entra.HOST).configure_cert(tls)
        federated_token = secrets.token_urlsafe(32)
        token_port = stack.enter_context(entra.token_endpoint(federated_token, tls, token_seconds))
        ports = {BLOB_HOST: azure.port, entra.HOST: token_port}
        proxy = stack.enter_context(azure_proxy(ports.get))
        token_file = folder / "federated-token"
        write_secret(token_file, federated_token)
        azure.environment = {
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": str(bundle),
            "AZURE_CLIENT_ID": entra.CLIENT_ID,
            "AZURE_TENANT_ID": entra.TENANT_ID,
            "AZURE_FEDERATED_TOKEN_FILE": str(token_file),
            # Or another identity of this machine could be tried after a refusal.
            "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential",
        }
        stack.callback(azure.server.stop)
        azure.server.start()
        azure.create_containers(containers)
        yield azure

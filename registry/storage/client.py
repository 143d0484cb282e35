"""Azure's SDK as the project uses it: credential, timeouts, and retries with backoff."""

from __future__ import annotations

import logging
import os
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient, ExponentialRetry

from registry.errors import UsageError
from registry.storage.address import BlobAddress

# It warns of what it raises as well, on several lines.
logging.getLogger("azure").setLevel(logging.ERROR)

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
TIMEOUTS = {"connection_timeout": 10, "read_timeout": 30}
"""In seconds: to connect, and between two pieces of a response. A block of an upload is sent in one
call, whose response must begin within the latter."""
BACKOFF_SECONDS = 1
BACKOFF_BASE = 2
"""Waits 3, 5, 9 and 17 seconds, each one more or less: half a minute where all is throttled."""
BLOCK_BYTES = 8 * 2**20
"""A larger file is uploaded in blocks of this size."""


class Retry(ExponentialRetry):
    """The SDK's own retries, which repeat 408 and 5xx: on 429 as well, and not without a token."""

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        body = request.http_request.body
        start = body.tell() if hasattr(body, "tell") else None
        for count in range(self.total_retries + 1):
            response: PipelineResponse[Any, Any] = super().send(request)  # type: ignore[no-untyped-call]
            if response.http_response.status_code != 429 or count == self.total_retries:
                break
            if start is not None:
                body.seek(start)
            self.sleep({"count": count + 1}, request.context.transport)  # type: ignore[no-untyped-call]
        return response

    def increment(
        self,
        settings: dict[str, Any],
        request: Any,
        response: Any = None,
        error: AzureError | None = None,
    ) -> bool:
        """Whether to try again, as counted in `settings`."""
        if isinstance(error, ClientAuthenticationError):
            return False
        return super().increment(settings, request, response, error)


def open_client(address: BlobAddress) -> ContainerClient:
    """A client of the address's container, which sends nothing yet.

    It logs in as MLflow's does: with AZURE_STORAGE_CONNECTION_STRING, or else with the identity
    that `DefaultAzureCredential` finds. Raises UsageError for a connection string that is malformed
    or of another account, without what it says.
    """
    retry = Retry(
        initial_backoff=BACKOFF_SECONDS,
        increment_base=BACKOFF_BASE,
        random_jitter_range=BACKOFF_SECONDS,
        retry_total=4,
        retry_status=4,
        retry_read=2,
        retry_connect=1,
    )
    options: dict[str, Any] = {
        **TIMEOUTS,
        "retry_policy": retry,
        "max_single_put_size": BLOCK_BYTES,
        "max_block_size": BLOCK_BYTES,
    }
    connection_string = os.environ.get(CONNECTION_STRING)
    if not connection_string:
        credential = DefaultAzureCredential(**TIMEOUTS, retry_total=1)
        return ContainerClient(
            address.account_url, address.container, credential=credential, **options
        )
    try:
        client = ContainerClient.from_connection_string(
            connection_string, address.container, **options
        )
    except ValueError:
        raise UsageError(
            f"{CONNECTION_STRING} is malformed: copy it again, or unset it to use an identity"
        ) from None
    if client.account_name != address.account:
        raise UsageError(
            f"{CONNECTION_STRING} is of another storage account than {address.account}, which the "
            "address names: unset it to use an identity, or set it to that account's"
        )
    return client

"""Immutable: whether the containers of the ledger's files have a policy of immutability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from registry.errors import RegistryError
from registry.ledger.chain import Ledger
from registry.storage.address import BlobAddress, is_blob_address
from registry.storage.container import open_container


def missing_policies(ledger: Ledger) -> Iterator[str]:
    """A warning for each container of the ledger's files whose blobs can be changed or deleted.

    Nothing where the tracking server keeps the files: it has no such policies.
    """
    sources = (link.statement.entry.source for link in ledger.chain)
    addresses = (BlobAddress.parse(source) for source in sources if is_blob_address(source))
    for container in sorted({replace(address, path="") for address in addresses}, key=str):
        try:
            with open_container(container) as opened:
                is_immutable = opened.is_immutable()
        except RegistryError as error:
            yield f"whether {container} is immutable is not known: {error}"
            continue
        if not is_immutable:
            yield (
                f"{container} has no policy of immutability, so that evidence can be changed or "
                "deleted there; give the container a time-based retention policy (docs/storage.md)"
            )

"""What the evidence of a ledger entry says, without MLflow's client: for the service."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from registry.errors import BytesMismatch
from registry.ledger.chain import Link
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import Entry
from registry.storage.address import is_blob_address
from registry.tracking.client_settings import set_client_defaults
from registry.tracking.fetch import blob_folder, proxied_path
from registry.tracking.names import EVIDENCE_FILE, MODEL_FOLDER
from registry.tracking.rest import Registry

MAX_BYTES = 8 * 2**20
"""Of an `evidence.json`, which has 14 kB with all gates and two hundred slices."""


class _Verdict(BaseModel):
    gate: str
    passed: bool


class _Evidence(BaseModel):
    verdicts: tuple[_Verdict, ...]


def fetch_evidence_file(registry: Registry, link: Link) -> bytes:
    """The `evidence.json` that an entry's statement names.

    Raises BytesMismatch where it has another digest, and Unreachable.
    """
    entry = link.statement.entry
    content = fetch_file(registry, evidence_address(entry), MAX_BYTES)
    if not is_evidence_of(entry, content):
        raise BytesMismatch(f"{EVIDENCE_FILE} of ledger version {link.version} is not its evidence")
    return content


def fetch_file(registry: Registry, address: str, max_bytes: int) -> bytes:
    """The content of a file of the artifact store, unverified. Raises Unreachable."""
    if (path := proxied_path(address)) is not None:
        return registry.download(path, max_bytes)
    if is_blob_address(address):
        folder_address, _, name = address.rpartition("/")
        with blob_folder(folder_address) as folder:
            return folder.read(name, max_bytes)
    # Imported late, as in `fetch`.
    set_client_defaults(registry.default_retries)
    from registry.tracking.client import connect, download_file  # noqa: PLC0415

    return download_file(connect(registry.uri), address, max_bytes)


def evidence_address(entry: Entry) -> str:
    """Where the artifact store has the `evidence.json` of an entry: beside the model's folder."""
    return entry.source.removesuffix(MODEL_FOLDER) + EVIDENCE_FILE


def is_evidence_of(entry: Entry, content: bytes) -> bool:
    """Whether the content has the digest that the entry names."""
    return sha256_of_bytes(content) == entry.evidence.sha256


def passed_gate(content: bytes, gate: str) -> bool:
    """Whether the candidate passed all of a gate, required or not; False where it was not run.

    Raises BytesMismatch for content that is not evidence.
    """
    try:
        evidence = _Evidence.model_validate_json(content)
    except ValidationError as error:
        raise BytesMismatch(f"{EVIDENCE_FILE} is not evidence of this version") from error
    verdicts = [each.passed for each in evidence.verdicts if each.gate.split(".")[0] == gate]
    return bool(verdicts) and all(verdicts)

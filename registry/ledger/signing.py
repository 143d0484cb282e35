"""What the ledger uses of securesystemslib, imported without Azure's SDK.

securesystemslib imports that SDK for its Key Vault signer, wherever it is installed. Readers of a
ledger do not need it, and it takes longer to import than the rest of securesystemslib.
`registry.ledger.vault`, which does need it, imports that signer again.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_azure() -> Iterator[None]:
    if "azure.core" in sys.modules:
        yield
        return
    sys.modules["azure.core"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        del sys.modules["azure.core"]
        sys.modules.pop("securesystemslib.signer._azure_signer", None)


with _without_azure():
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnverifiedSignatureError
    from securesystemslib.exceptions import VerificationError as DsseVerificationError
    from securesystemslib.signer import CryptoSigner, Key, Signature, Signer, SSlibKey

__all__ = [
    "CryptoSigner",
    "DsseVerificationError",
    "Envelope",
    "Key",
    "SSlibKey",
    "Signature",
    "Signer",
    "UnverifiedSignatureError",
]

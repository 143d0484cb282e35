"""A signing key that never leaves Azure Key Vault: bounded waits, and refusals that say why."""

from __future__ import annotations

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys.crypto import CryptographyClient
from securesystemslib.signer._azure_signer import AzureSigner

from registry.errors import Refused, RegistryError, Unreachable, UsageError, on_one_line
from registry.ledger.signing import Signature, SSlibKey

WAITS = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 1}
"""Seconds, and a number. The SDK's own are 300 s for each, and up to ten retries."""

LONGEST_REASON = 300


class VaultSigner(AzureSigner):
    """securesystemslib's signer by the URI `azurekms://VAULT.vault.azure.net/keys/NAME/VERSION`."""

    def __init__(self, az_key_uri: str, public_key: SSlibKey) -> None:
        super().__init__(az_key_uri, public_key)
        self.crypto_client = CryptographyClient(
            az_key_uri, DefaultAzureCredential(**WAITS), **WAITS
        )

    def sign(self, payload: bytes) -> Signature:
        """Sign with one call of Key Vault's `sign`.

        Raises Refused where it denies that, UsageError for a key that cannot, or nobody signed in,
        Unreachable where it does not answer in time.
        """
        try:
            return super().sign(payload)
        except AzureError as error:
            raise self._in_our_words(error) from error

    def _in_our_words(self, error: AzureError) -> RegistryError:
        key, reason = self.crypto_client.key_id, _reason(error)
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status == 403:
            return Refused(
                f"Key Vault does not let this job sign with {key}: {reason}; give its identity the "
                "rights `get` and `sign` on that key, and its network access to the vault"
            )
        if isinstance(error, ClientAuthenticationError):
            return UsageError(
                f"Entra ID gives no token to sign with {key}: {reason}; it must be within reach, "
                "and the job needs a workload identity, or AZURE_TENANT_ID, AZURE_CLIENT_ID and a "
                "credential"
            )
        if status is None or status == 429 or status >= 500:
            return Unreachable(
                f"Key Vault does not answer for {key}: {reason}; nothing was signed, so try again "
                "once it does"
            )
        return UsageError(
            f"Key Vault cannot sign with {key}: {reason}; set FRAUD_SIGNING_KEY to "
            "azurekms://VAULT.vault.azure.net/keys/NAME/VERSION of an enabled EC key on P-256"
        )


def _reason(error: AzureError) -> str:
    """What the SDK says on its first line, or of each credential that it tried."""
    lines = str(error).splitlines() or [type(error).__name__]
    tried = [line.strip() for line in lines if line.startswith("\t")]
    return on_one_line("; ".join(tried) or lines[0])[:LONGEST_REASON]

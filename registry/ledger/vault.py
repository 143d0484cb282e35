"""A signing key that never leaves Azure Key Vault, with short timeouts and clear errors."""

from __future__ import annotations

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys.crypto import CryptographyClient
from securesystemslib.signer._azure_signer import AzureSigner

from registry.errors import Refused, RegistryError, Unreachable, UsageError, first_reason
from registry.ledger.signing import Signature, SSlibKey

TIMEOUTS = {"connection_timeout": 5, "read_timeout": 15, "retry_total": 1}
"""In seconds, and the number of retries. The SDK's defaults are 300 s and up to ten retries."""


class VaultSigner(AzureSigner):
    """securesystemslib's signer by the URI `azurekms://VAULT.vault.azure.net/keys/NAME/VERSION`."""

    def __init__(self, az_key_uri: str, public_key: SSlibKey) -> None:
        super().__init__(az_key_uri, public_key)
        self.crypto_client = CryptographyClient(
            az_key_uri, DefaultAzureCredential(**TIMEOUTS), **TIMEOUTS
        )

    def sign(self, payload: bytes) -> Signature:
        """Sign with one call of Key Vault's `sign`.

        Raises Refused if permission is denied, UsageError for an unsuitable key or without a
        credential, Unreachable if there is no response in time.
        """
        try:
            return super().sign(payload)
        except AzureError as error:
            raise self._translated(error) from error

    def _translated(self, error: AzureError) -> RegistryError:
        key, reason = self.crypto_client.key_id, first_reason(error)
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status == 403:
            return Refused(
                f"Key Vault does not allow this job to sign with {key}: {reason}; grant its "
                "identity `get` and `sign` on that key, and its network access to the vault"
            )
        if isinstance(error, ClientAuthenticationError):
            return UsageError(
                f"Entra ID issued no token to sign with {key}: {reason}; it must be reachable, and "
                "the job needs a workload identity, or AZURE_TENANT_ID, AZURE_CLIENT_ID and a "
                "credential"
            )
        if status is None or status == 429 or status >= 500:
            return Unreachable(
                f"Key Vault is not available for {key}: {reason}; nothing was signed, so try again "
                "later"
            )
        return UsageError(
            f"Key Vault cannot sign with {key}: {reason}; set FRAUD_SIGNING_KEY to "
            "azurekms://VAULT.vault.azure.net/keys/NAME/VERSION of an enabled EC key on P-256"
        )

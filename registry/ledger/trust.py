"""What a reader trusts: the ledger's id and the public keys, each with the sequences it may sign.

The file `ledger.yaml` holds nothing secret; it can be a ConfigMap as it is. No reader consults a
clock: a key is valid for sequences of the ledger, not for a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    model_validator,
)

from registry.errors import RegistryError, UsageError, first_error
from registry.ledger.signing import (
    DsseVerificationError,
    Key,
    Signature,
    Signer,
    SSlibKey,
    UnverifiedSignatureError,
)
from registry.ledger.tip import Tip


class TrustedKey(BaseModel):
    """A public key and the first and last sequence that it may sign (no last: still in use).

    A key is retired when another replaces it, and revoked when it may be compromised; with a last
    sequence of 0, nothing that it ever signed is trusted. To readers only the sequence matters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keyid: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    scheme: Literal["ecdsa-sha2-nistp256", "ed25519"]
    keytype: Literal["ecdsa", "ed25519"]
    public_pem: str
    first: Annotated[int, Field(gt=0)] = 1
    last: Annotated[int, Field(ge=0)] | None = None
    revoked: bool = False

    @property
    def state(self) -> str:
        if self.revoked:
            return "revoked"
        return "in use" if self.last is None else "retired"

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        # With an unreadable key every entry would be passed over, as if the ledger were empty.
        try:
            self.key().verify_signature(Signature(self.keyid, ""), b"")
        except DsseVerificationError as error:
            raise ValueError(f"public_pem is not an {self.scheme} key") from error
        except UnverifiedSignatureError:
            pass
        return self

    def reaches(self, sequence: int) -> bool:
        return self.first <= sequence and (self.last is None or sequence <= self.last)

    def key(self) -> Key:
        value = {"public": self.public_pem}
        return SSlibKey.from_dict(
            self.keyid, {"keytype": self.keytype, "scheme": self.scheme, "keyval": value}
        )


class Trust(BaseModel):
    """The content of `ledger.yaml`, and the tip that the ledger must extend.

    `floor` is the tip that this reader remembers; it is never a part of the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ledger_id: Annotated[str, Field(min_length=1)]
    keys: Annotated[tuple[TrustedKey, ...], Field(min_length=1)]
    floor: Annotated[InstanceOf[Tip] | None, Field(exclude=True)] = None

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        if len({key.keyid for key in self.keys}) != len(self.keys):
            raise ValueError("duplicate key: it would be ambiguous which sequences it may sign")
        return self

    def as_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(exclude_none=True), sort_keys=False)

    def by_id(self, keyid: str) -> TrustedKey:
        return next(key for key in self.keys if key.keyid == keyid)

    def public_keys(self) -> list[Key]:
        return [key.key() for key in self.keys]


def read_trust(path: Path, floor: Tip | None = None) -> Trust:
    """Read `ledger.yaml`. Raises UsageError naming the file and what is wrong in it."""
    try:
        trust = Trust.model_validate(yaml.safe_load(path.read_text()))
        return trust.model_copy(update={"floor": floor})
    except FileNotFoundError as error:
        raise UsageError(
            f"no ledger configuration at {path}; set FRAUD_LEDGER_CONFIG to the path of yours, or "
            "create a new ledger with `python -m registry init`"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = first_error(error)
        raise UsageError(f"{path}: {first.field or 'the file'}: {first.message}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{path} is not a ledger configuration: {error}") from error


def trusted_key(public: Key, first: int = 1) -> TrustedKey:
    """A public key as `ledger.yaml` holds it. Raises UsageError for an unsupported kind."""
    try:
        return TrustedKey.model_validate(
            {
                "keyid": public.keyid,
                "scheme": public.scheme,
                "keytype": public.keytype,
                "public_pem": public.keyval["public"],
                "first": first,
            }
        )
    except ValidationError as error:
        raise UsageError(
            f"a {public.keytype} key ({public.scheme}) is not supported; use ECDSA P-256 or Ed25519"
        ) from error


def open_signer(uri: str, trust: Trust) -> Signer:
    """The signer of ledger entries behind a securesystemslib key URI (`file2:PATH` for a PEM file).

    Raises UsageError if it is not a trusted key: entries signed with it would be passed over. With
    a key in Key Vault also Refused and Unreachable.
    """
    advice = "set FRAUD_SIGNING_KEY to the URI of a key that ledger.yaml trusts"
    return signer_with(uri, trust.public_keys(), advice)


def signer_with(uri: str, keys: list[Key], advice: str) -> Signer:
    """The signer behind a key URI, whose signatures one of the public keys verifies.

    Raises UsageError with the advice if there is none, and as `open_signer` does.
    """
    reasons: list[str] = []
    for key in keys:
        try:
            signer = _signer(uri, key)
            key.verify_signature(signer.sign(b"probe"), b"probe")
        except RegistryError:  # from Key Vault: another public key would not change it
            raise
        except Exception as error:  # each signer class raises its own family
            reasons.append(str(error) or type(error).__name__)
        else:
            return signer
    reason = reasons[0] if reasons else "no public key is trusted"
    raise UsageError(f"the signing key {uri.split(':', 1)[0]}:… is not usable ({reason}); {advice}")


def _signer(uri: str, key: Key) -> Signer:
    if uri.startswith("azurekms:"):  # a serving pod does not have the SDK of Key Vault
        from registry.ledger.vault import VaultSigner  # noqa: PLC0415

        return VaultSigner.from_priv_key_uri(uri, key)
    return Signer.from_priv_key_uri(uri, key)

"""The trusted keys in `ledger.yaml`: adding one, and ending the reach of another.

The configuration file is the only thing that is changed; readers see it with their next start. It
is replaced in one step, so that a reader never finds half of it.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from registry.atomic import atomic_write
from registry.errors import NotFound, RegistryError, UsageError
from registry.ledger.chain import Ledger
from registry.ledger.signing import SSlibKey
from registry.ledger.trust import Trust, TrustedKey, trusted_key


def read_public_key(path: Path, first: int) -> TrustedKey:
    """A public key from a PEM file (SubjectPublicKeyInfo). Raises UsageError."""
    try:
        public = SSlibKey.from_crypto(load_pem_public_key(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} holds no public key in PEM: give the public half only") from error
    return trusted_key(public, first)


def find(trust: Trust, start: str) -> TrustedKey:
    """The key whose id starts so. Raises NotFound where none or several do."""
    found = [key for key in trust.keys if key.keyid.startswith(start)]
    if len(found) != 1:
        known = ", ".join(key.keyid[:12] for key in trust.keys)
        raise NotFound(
            f"{len(found)} keys have an id that starts with {start!r}; there are {known}"
        )
    return found[0]


def with_key(trust: Trust, key: TrustedKey) -> Trust:
    """The configuration with one key more. Raises UsageError where it is there already."""
    if any(one.keyid == key.keyid for one in trust.keys):
        raise UsageError(f"key {key.keyid[:12]} is trusted already")
    return trust.model_copy(update={"keys": (*trust.keys, key)})


def with_last(trust: Trust, key: TrustedKey, last: int, *, revoked: bool) -> Trust:
    """The configuration in which a key reaches to `last` only.

    Raises UsageError where the key ended earlier already: a revoked key may get no reach back.
    """
    if key.last is not None and last > key.last:
        raise UsageError(f"key {key.keyid[:12]} ends with sequence {key.last} already")
    ended = key.model_copy(update={"last": last, "revoked": revoked or key.revoked})
    keys = tuple(ended if one.keyid == key.keyid else one for one in trust.keys)
    return trust.model_copy(update={"keys": keys})


def write_trust(path: Path, trust: Trust) -> None:
    """Replace `ledger.yaml` in one step. Raises UsageError where that cannot be done."""
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(trust.as_yaml())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def describe_change(before: Ledger, after: Ledger) -> str:
    """What a change of keys does to the head, in a sentence."""
    old, new = _head_or_reason(before), _head_or_reason(after)
    if old == new:
        return f"the head stays: {new}"
    return f"the head was: {old}; with this change: {new}"


def _head_or_reason(ledger: Ledger) -> str:
    try:
        return str(ledger.head or "nothing")
    except RegistryError as error:
        return f"none ({error})"

"""The trusted keys in `ledger.yaml`: adding, retiring and revoking one.

Only the configuration file is changed. It is replaced atomically, so that a reader never sees a
part of it. A command holds a lock from reading it to replacing it: of two that run at once, the
second would otherwise write back what it read before the first, and so undo a revocation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from registry.atomic import atomic_write, locked
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
        raise UsageError(
            f"{path} is not a public key in PEM format: pass the public key only"
        ) from error
    return trusted_key(public, first)


def read_key(path: Path) -> TrustedKey:
    """The public key of a PEM file that holds it or its private key (PKCS#8). Raises UsageError."""
    try:
        private = load_pem_private_key(path.read_bytes(), None)
        public = SSlibKey.from_crypto(private.public_key())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return read_public_key(path, 1)
    return trusted_key(public)


def find(trust: Trust, start: str) -> TrustedKey:
    """The key whose id starts with `start`. Raises NotFound unless there is exactly one."""
    matches = [key for key in trust.keys if key.keyid.startswith(start)]
    if len(matches) != 1:
        known = ", ".join(key.keyid[:12] for key in trust.keys)
        raise NotFound(
            f"{len(matches)} keys have an id that starts with {start!r}; trusted keys: {known}"
        )
    return matches[0]


def with_key(trust: Trust, key: TrustedKey) -> Trust:
    """The configuration with a key added. Raises UsageError if it is already trusted."""
    if any(trusted.keyid == key.keyid for trusted in trust.keys):
        raise UsageError(f"key {key.keyid[:12]} is already trusted")
    return trust.model_copy(update={"keys": (*trust.keys, key)})


def with_last(trust: Trust, key: TrustedKey, last: int, *, revoked: bool) -> Trust:
    """The configuration in which a key may sign up to the sequence `last`.

    Raises UsageError if the key already ends earlier: a revoked key never regains a sequence.
    """
    if key.last is not None and last > key.last:
        raise UsageError(f"key {key.keyid[:12]} already ends with sequence {key.last}")
    ended = key.model_copy(update={"last": last, "revoked": revoked or key.revoked})
    keys = tuple(ended if other.keyid == key.keyid else other for other in trust.keys)
    return trust.model_copy(update={"keys": keys})


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Hold the lock on `ledger.yaml` while it is read, changed and written.

    Waits for another command that holds it. Raises UsageError if the file's folder is missing.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path))
        except OSError as error:
            raise UsageError(f"{path.parent}: {error.strerror}") from error
        yield


def write_trust(path: Path, trust: Trust) -> None:
    """Replace `ledger.yaml` atomically. Raises UsageError if it cannot be written."""
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

"""A new ledger: its id and its first signing key, in two files of which a crash leaves no half."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from registry.atomic import publish, temporary_names, write_temporary
from registry.errors import UsageError
from registry.ledger.signing import CryptoSigner
from registry.ledger.trust import Trust, open_signer, read_trust, trusted_key


def create_ledger(config: Path, private_key: Path) -> Trust:
    """Create a ledger id and an ECDSA P-256 key pair, and write the two files.

    The private key is PKCS#8 PEM, readable by its owner only. Neither file is ever overwritten: a
    lost ledger id or key cannot be recovered. The configuration is on disk under a temporary name
    before the key gets its name, so that a call after one that was killed finishes what that one
    began. Raises UsageError if a file exists or cannot be written.
    """
    if config.resolve() == private_key.resolve():
        raise UsageError(f"{config} cannot hold both the configuration and the private key")
    try:
        if finished := _finish_interrupted(config, private_key):
            return finished
        for path in (config, private_key):
            if path.exists():
                raise UsageError(
                    f"{path} already exists; delete it first if it is no longer needed"
                )
        private = generate_private_key(SECP256R1())
        trusted = trusted_key(CryptoSigner(private).public_key)
        trust = Trust(ledger_id=str(uuid.uuid4()), keys=(trusted,))
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write_new_ledger(config, trust, private_key, pem)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    return trust


def _write_new_ledger(config: Path, trust: Trust, private_key: Path, pem: bytes) -> None:
    with ExitStack() as temporaries:
        for path in (config, private_key):
            path.parent.mkdir(parents=True, exist_ok=True)
        key_file = write_temporary(private_key, pem, 0o600)
        temporaries.callback(key_file.unlink, missing_ok=True)
        config_file = write_temporary(config, trust.as_yaml().encode())
        temporaries.callback(config_file.unlink, missing_ok=True)
        publish(key_file, private_key)
        temporaries.pop_all()  # from here on, a failure leaves what the next call needs to finish
    publish(config_file, config)


def _finish_interrupted(config: Path, private_key: Path) -> Trust | None:
    """Finish a `create_ledger` that was killed when the key had its name, and the other file not.

    Only a configuration that trusts exactly this key counts: the key alone may belong to a ledger
    whose configuration was lost. None where there is nothing to finish. Raises OSError.
    """
    if config.exists() or not private_key.exists():
        return None
    for temporary in temporary_names(config):
        with suppress(UsageError):
            trust = read_trust(temporary)
            open_signer(f"file2:{private_key}", trust)
            for other_name in temporary_names(private_key):
                if other_name.samefile(private_key):
                    other_name.unlink()
            publish(temporary, config)
            return trust
    return None

"""A ledger that stands on the server while its configuration, ledger.yaml, is lost here."""

from __future__ import annotations

from pathlib import Path

from registry.atomic import publish, write_temporary
from registry.errors import Refused, UsageError, VerificationError
from registry.ledger.chain import Ledger
from registry.ledger.fold import fold
from registry.ledger.statement import open_envelope
from registry.ledger.tip import Tip
from registry.ledger.trust import Trust, TrustedKey
from registry.tracking.rest import Registry


def check_not_lost(registry: Registry, config: Path) -> None:
    """Refuse to go on without `config` where the server has a ledger: a new one would ignore it.

    Raises UsageError with the way to get the file back, and what `Registry.versions` does.
    """
    if config.exists():
        return
    first = next((version for version in registry.versions() if version.envelope), None)
    if first:
        raise UsageError(
            f"there is no {config}, but {registry.uri} has a ledger, from version {first.number} "
            "on: get its ledger.yaml back from version control, from a reader or from a backup, or "
            "make it again with `python -m registry keys recover KEY.pem`"
        )


def recover(registry: Registry, key: TrustedKey, floor: Tip | None) -> tuple[Trust, Ledger]:
    """The configuration of the ledger whose first statement `key` signed, and that ledger.

    It trusts this key alone: others have to be added again, and retired or revoked. Raises Refused
    where the key signed no first statement, or those of several ledgers, VerificationError where
    the ledger does not extend the floor, and what `Registry.versions` does.
    """
    ledger_ids = set[str]()
    for version in registry.versions():
        try:
            statement, _ = open_envelope(version.envelope or "", [key.key()])
        except VerificationError:
            continue
        if statement.entry.supersedes is None:
            ledger_ids.add(statement.entry.ledger_id)
    if len(ledger_ids) != 1:
        raise Refused(
            f"key {key.keyid[:12]} signed the first statements of {len(ledger_ids)} ledgers on "
            f"{registry.uri}, and not of exactly one; name the first key that the ledger had"
        )
    trust = Trust(ledger_id=ledger_ids.pop(), keys=(key,), floor=floor)
    # Read twice: a list could hold any amount of what is no entry.
    return trust, fold(registry.versions(), trust)


def write_recovered(config: Path, trust: Trust) -> None:
    """Write the configuration, which replaces nothing. Raises UsageError."""
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        temporary = write_temporary(config, trust.as_yaml().encode())
        try:
            publish(temporary, config)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{config} already exists, and is not replaced") from error
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error

"""What a reader trusts, and what makes `ledger.yaml` unusable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from securesystemslib.signer import CryptoSigner

from registry.errors import UsageError
from registry.ledger.creation import create_ledger
from registry.ledger.fold import fold
from registry.ledger.trust import Trust, open_signer, read_trust
from tests.registry import entries
from tests.registry.entries import ALICE, BOB, LEDGER_ID, TRUST, trusted


def configuration(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A ledger configuration with one thing changed in it."""
    document = TRUST.model_dump(mode="json")
    change(document)
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_missing_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="python -m registry init"):
        read_trust(tmp_path / "ledger.yaml")


def test_a_folder_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        read_trust(tmp_path)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"!!python/object:os.system {}"])
def test_invalid_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.yaml").write_bytes(content)
    with pytest.raises(UsageError, match="is not a ledger configuration"):
        read_trust(tmp_path / "ledger.yaml")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.yaml").write_text("")
    with pytest.raises(UsageError, match="the file: "):
        read_trust(tmp_path / "ledger.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.update(keys=[]), "keys: "),
        (lambda file: file.update(ledger_id=""), "ledger_id: "),
        (lambda file: file.update(owner="me"), "owner: "),
        (lambda file: file["keys"][0].update(keyid="abc"), r"keys\.0\.keyid: "),
        (lambda file: file["keys"][0].update(scheme="rsassa-pss-sha256"), r"keys\.0\.scheme: "),
        (lambda file: file["keys"][0].update(keytype="ed25519"), r"keys\.0: "),
        (lambda file: file["keys"][0].update(first=0), r"keys\.0\.first: "),
        (lambda file: file["keys"][0].update(last=-1), r"keys\.0\.last: "),
        (lambda file: file["keys"][0].update(revoked="perhaps"), r"keys\.0\.revoked: "),
        (lambda file: file["keys"][0].update(until="2027"), r"keys\.0\.until: "),
    ],
)
def test_a_mistake_in_the_configuration_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        read_trust(configuration(tmp_path / "ledger.yaml", change))


@pytest.mark.parametrize("pem", ["", "junk", "-----BEGIN PUBLIC KEY-----\nAAAA\n"])
def test_an_unreadable_key_is_refused_rather_than_passing_over_every_entry(
    tmp_path: Path, pem: str
) -> None:
    config = configuration(
        tmp_path / "ledger.yaml", lambda file: file["keys"][0].update(public_pem=pem)
    )
    with pytest.raises(UsageError, match="is not an ecdsa-sha2-nistp256 key"):
        read_trust(config)


def test_a_duplicate_key_is_refused_because_a_revocation_could_be_missed(
    tmp_path: Path,
) -> None:
    config = configuration(
        tmp_path / "ledger.yaml",
        lambda file: file["keys"].append({**file["keys"][0], "last": 3}),
    )
    with pytest.raises(UsageError, match="duplicate key"):
        read_trust(config)


def test_an_ed25519_key_can_be_trusted() -> None:
    signer = CryptoSigner.generate_ed25519()
    assert trusted(signer).key() == signer.public_key


def test_a_key_is_found_by_its_id() -> None:
    both = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE), trusted(BOB)))
    assert both.by_id(BOB.public_key.keyid) == trusted(BOB)


@pytest.mark.parametrize(("sequence", "expected"), [(1, False), (2, True), (4, True), (5, False)])
def test_a_key_may_sign_from_its_first_to_its_last_sequence(sequence: int, expected: bool) -> None:
    assert trusted(ALICE, first=2, last=4).reaches(sequence) is expected


def test_a_key_without_a_last_sequence_may_sign_any_later_one() -> None:
    assert trusted(ALICE).reaches(1_000_000)


def test_a_key_whose_last_sequence_is_0_may_sign_nothing() -> None:
    assert not trusted(ALICE, last=0).reaches(1)


def test_a_last_sequence_of_0_is_kept_in_the_file_and_no_last_one_is_left_out(
    tmp_path: Path,
) -> None:
    trust = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE, last=0), trusted(BOB)))
    path = tmp_path / "ledger.yaml"
    path.write_text(trust.as_yaml())
    assert read_trust(path) == trust
    keys = yaml.safe_load(path.read_text())["keys"]
    assert (keys[0]["last"], "last" in keys[1]) == (0, False)


@pytest.mark.parametrize(
    ("last", "revoked", "state"),
    [
        (None, False, "in use"),
        (7, False, "retired"),
        (0, False, "retired"),
        (7, True, "revoked"),
        (0, True, "revoked"),
    ],
)
def test_a_key_is_in_use_retired_or_revoked(last: int | None, revoked: bool, state: str) -> None:
    key = trusted(ALICE, last=last).model_copy(update={"revoked": revoked})
    assert key.state == state


def test_for_retired_and_revoked_keys_only_the_sequence_matters() -> None:
    versions = [entries.version(1, entries.promote("a"))]
    for revoked in (False, True):
        key = trusted(ALICE, last=0).model_copy(update={"revoked": revoked})
        ledger = fold(versions, Trust(ledger_id=LEDGER_ID, keys=(key,)))
        assert ledger.in_doubt


def test_the_signer_is_the_one_whose_key_is_trusted(tmp_path: Path) -> None:
    trust = create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    both = Trust(ledger_id=LEDGER_ID, keys=(trusted(ALICE), *trust.keys))
    signer = open_signer(f"file2:{tmp_path / 'key.pem'}", both)
    assert signer.public_key.keyid == trust.keys[0].keyid


def test_a_key_that_is_not_trusted_cannot_sign(tmp_path: Path) -> None:
    create_ledger(tmp_path / "ledger.yaml", tmp_path / "key.pem")
    with pytest.raises(UsageError, match="set FRAUD_SIGNING_KEY"):
        open_signer(f"file2:{tmp_path / 'key.pem'}", TRUST)


@pytest.mark.parametrize("uri", ["file2:/nowhere.pem", "nonsense", "", "gpg:x"])
def test_a_uri_without_a_key_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="is not usable"):
        open_signer(uri, TRUST)


def test_a_file_that_holds_no_private_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("junk")
    with pytest.raises(UsageError, match="is not usable"):
        open_signer(f"file2:{tmp_path / 'key.pem'}", TRUST)

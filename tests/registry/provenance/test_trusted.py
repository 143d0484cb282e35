"""provenance.yaml: what it may hold, and how it is made."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from registry.errors import UsageError
from registry.ledger.manifest import sha256_of
from registry.ledger.trust import signer_with
from registry.provenance.trusted import NOTHING_TRUSTED, create_trusted, read_trusted


def test_without_a_file_nothing_is_trusted_unless_it_is_required(tmp_path: Path) -> None:
    path = tmp_path / "provenance.yaml"
    assert read_trusted(path, required=False) == NOTHING_TRUSTED
    with pytest.raises(UsageError, match="set FRAUD_PROVENANCE to your"):
        read_trusted(path, required=True)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "provenance.yaml"
    path.write_text(
        "repository: ../checkout\n"
        "commit_signers: signers\n"
        "people: {alice: ['github:alice']}\n"
        "github: {repository: bank/fraud, workflow: .github/workflows/train.yml}\n"
    )
    trusted = read_trusted(path, required=True)

    assert trusted.repository == tmp_path / ".." / "checkout"
    assert trusted.commit_signers == tmp_path / "signers"
    assert trusted.people.person("github:alice") == "alice"
    assert trusted.github is not None
    assert trusted.github.api == "https://api.github.com"
    assert trusted.trusted_branches == ("main",)
    assert trusted.sha256 == sha256_of(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("branches: [main]", "branches: Extra inputs are not permitted"),
        ("trusted_branches: []", "trusted_branches: Tuple should have at least 1 item"),
        ("people: {a: ['github:A']}", "people: .*write github:a"),
        ("github: {repository: bank, workflow: x}", "github.repository: String should match"),
        ("jenkins: {job: 'https://jenkins.example/job/train'}", "jenkins.job: String should match"),
        ("[1, 2]", "is not YAML with keys and values"),
        ("a: [", "is not YAML with keys and values"),
        ("!!python/object/apply:os.system [id]", "is not YAML with keys and values"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "provenance.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=problem):
        read_trusted(path, required=True)


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        read_trusted(tmp_path, required=False)


def test_a_new_training_key_is_trusted_and_readable_by_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, key = tmp_path / ".local" / "provenance.yaml", tmp_path / "keys" / "training.pem"
    create_trusted(path, key)

    trusted = read_trusted(path, required=True)
    assert trusted.repository.resolve() == tmp_path
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    signer = signer_with(f"file2:{key}", trusted.public_keys(), "")
    assert signer.public_key.keyid == trusted.training_keys[0].keyid


def test_files_that_exist_are_left_as_they_are(tmp_path: Path) -> None:
    path, key = tmp_path / "provenance.yaml", tmp_path / "training.pem"
    create_trusted(path, key)
    before = (path.read_bytes(), key.read_bytes())

    create_trusted(path, key)
    assert (path.read_bytes(), key.read_bytes()) == before

    path.unlink()  # as after a crash between the two
    create_trusted(path, key)
    assert (path.read_bytes(), key.read_bytes()) == before


def test_the_public_key_of_one_in_key_vault_is_trusted(tmp_path: Path) -> None:
    public = generate_private_key(SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path, key = tmp_path / "provenance.yaml", tmp_path / "fraud-training.pub"
    key.write_bytes(pem)
    create_trusted(path, key)

    [trusted] = read_trusted(path, required=True).training_keys
    assert trusted.public_pem == pem.decode()
    assert key.read_bytes() == pem


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "training.pem"
    key.write_text("no key")
    with pytest.raises(UsageError, match="is not a public key in PEM format"):
        create_trusted(tmp_path / "provenance.yaml", key)
    assert key.read_text() == "no key"

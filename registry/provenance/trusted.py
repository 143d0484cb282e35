"""provenance.yaml: what the evaluator trusts when it verifies where a candidate comes from.

It is kept in git and holds nothing secret. Without the file nothing can be verified: every fact
about a candidate is then only claimed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

import yaml
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from registry.atomic import atomic_write
from registry.errors import UsageError, first_error
from registry.ledger.keys import read_key
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.signing import Key
from registry.ledger.trust import TrustedKey
from registry.provenance.people import People

NOTHING = "none"
"""Instead of the sha256 of a file that does not exist."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GitHubTraining(_Strict):
    """The workflow that trains: `repository` as OWNER/NAME, `workflow` as its path in there."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    workflow: Annotated[str, Field(pattern=r"^\.github/workflows/[\w.-]+$")]
    server: str = "https://github.com"
    api: str = "https://api.github.com"


class JenkinsTraining(_Strict):
    """The job that trains, as the URL of its page."""

    job: Annotated[str, Field(pattern=r"^https?://.+/$")]


class Trusted(_Strict):
    """The content of provenance.yaml.

    `repository` is the evaluator's own clone, and `commit_signers` a file of SSH keys that may sign
    commits (ssh-keygen(1), ALLOWED SIGNERS); both are relative to the folder of provenance.yaml.
    `sha256` is that of the file, or `none`.
    """

    repository: Path = Path()
    trusted_branches: Annotated[tuple[str, ...], Field(min_length=1)] = ("main",)
    training_keys: tuple[TrustedKey, ...] = ()
    commit_signers: Path | None = None
    people: People = People()
    github: GitHubTraining | None = None
    jenkins: JenkinsTraining | None = None
    sha256: Annotated[str, Field(exclude=True)] = NOTHING

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        if len({key.keyid for key in self.training_keys}) != len(self.training_keys):
            raise ValueError("training_keys holds a key twice")
        return self

    def public_keys(self) -> list[Key]:
        """The training keys that are neither retired nor revoked."""
        return [key.key() for key in self.training_keys if key.last is None and not key.revoked]


NOTHING_TRUSTED = Trusted()
"""The settings without a file."""


def create_trusted(path: Path, private_key: Path) -> None:
    """Create a key for the training job, and a provenance.yaml that trusts it.

    The private key is PKCS#8 PEM, readable by its owner only. A file that exists is left as it is,
    so that it can be called again after a crash, and with the public key of one that is elsewhere.
    Raises UsageError where a file cannot be written, or the key not be read.
    """
    try:
        if not private_key.exists():
            private_key.parent.mkdir(parents=True, exist_ok=True)
            pem = generate_private_key(SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            with atomic_write(private_key) as temporary:
                temporary.chmod(0o600)
                temporary.write_bytes(pem)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            key = read_key(private_key).model_dump(exclude_none=True)
            folder = Path(os.path.relpath(Path.cwd(), path.parent)).as_posix()
            content = {"repository": folder, "training_keys": [key], "people": {}}
            with atomic_write(path) as temporary:
                temporary.write_text(yaml.safe_dump(content, sort_keys=False))
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error


def read_trusted(path: Path, *, required: bool) -> Trusted:
    """Read provenance.yaml; where it is empty, or neither exists nor is required, trust nothing.

    Raises UsageError naming the file and what is wrong in it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        if required:
            raise UsageError(
                f"no file at {path}; set FRAUD_PROVENANCE to your provenance.yaml, or create one "
                "with `python -m registry init`"
            ) from error
        return NOTHING_TRUSTED
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if not content:
        return NOTHING_TRUSTED
    try:
        trusted = Trusted.model_validate({**(yaml.safe_load(content) or {})})
    except ValidationError as error:
        first = first_error(error)
        raise UsageError(f"{path}: {first.field or 'the file'}: {first.message}") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is not YAML with keys and values: {error}") from error
    folder = path.parent
    signers = trusted.commit_signers
    return trusted.model_copy(
        update={
            "repository": folder / trusted.repository,
            "commit_signers": folder / signers if signers else None,
            "sha256": sha256_of_bytes(content),
        }
    )

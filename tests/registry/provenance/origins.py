"""A repository with a signed commit, and a candidate that a training job attested."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from registry.ledger.manifest import Manifest, sha256_of_bytes
from registry.ledger.signing import CryptoSigner, Signer
from registry.ledger.trust import trusted_key
from registry.model.contract import Window, read_contract
from registry.provenance.attestation import Attestation, sign_attestation
from registry.provenance.collect import Claims, collect
from registry.provenance.facts import FACT_NAMES, FactName, Provenance
from registry.provenance.repository import code_manifest
from registry.provenance.trusted import Trusted
from registry.tracking.names import ATTESTATION_FILE, CANDIDATES, ENVIRONMENT_FILE
from tests.world import POLICY, World

DATASET = "training/datasets/ours.yaml"
FILES = {
    "training/fit.py": "fit()\n",
    DATASET: "label: fraud\n",
    "requirements/training.txt": "numpy==2.0.0 \\\n    --hash=sha256:00\nscikit-learn==1.7.0\n",
    "README.md": "not code\n",
}
INSTALLED = "fraud-registry==0.1\nnumpy==2.0.0\npip==25.0\nscikit_learn==1.7.0\n"
WINDOW = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC))
FINISHED = datetime(2026, 3, 9, 12, tzinfo=UTC)
REGISTERED = datetime(2026, 3, 9, 12, 1, tzinfo=UTC)
MODEL = Manifest({"MLmodel": "a" * 64, "model.onnx": "b" * 64})


def git(folder: Path, *arguments: str) -> str:
    """Run git as Carol, without the configuration of this machine's user."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Carol",
        "GIT_AUTHOR_EMAIL": "carol@example.com",
        "GIT_COMMITTER_NAME": "Carol",
        "GIT_COMMITTER_EMAIL": "carol@example.com",
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.strip()


@dataclass(frozen=True)
class Origin:
    """A training job's checkout with all that it signs, and what the evaluator trusts."""

    folder: Path
    signer: Signer
    attestation: Attestation
    trusted: Trusted
    tags: dict[str, str] = field(default_factory=dict)
    installed: bytes = INSTALLED.encode()

    @property
    def commit(self) -> str:
        return self.attestation.commit

    def attesting(self, **changed: Any) -> Origin:
        return replace(self, attestation=self.attestation.model_copy(update=changed))

    def trusting(self, **changed: Any) -> Origin:
        return replace(self, trusted=self.trusted.model_copy(update=changed))

    def claims(self, **changed: Any) -> Claims:
        claims = Claims(
            files=MODEL,
            window=WINDOW,
            tags=self.tags,
            attestation=sign_attestation(self.attestation, self.signer).encode(),
            environment=self.installed,
            registered_at=REGISTERED,
        )
        return replace(claims, **changed)

    def collected(self, variables: dict[str, str] | None = None, **changed: Any) -> Provenance:
        return collect(self.claims(**changed), self.trusted, variables or {})

    def reason(self, name: FactName, **changed: Any) -> str:
        """Why a fact is only claimed; empty where it is verified."""
        origin = self.collected(**changed)
        (fact,) = (fact for fact in origin.facts if fact.name == name)
        assert fact.verified is (fact.reason == "")
        return fact.reason


def new_origin(folder: Path) -> Origin:
    """A commit by Carol on `main`, signed by her SSH key, and a candidate that was made of it."""
    checkout = folder / "checkout"
    for name, content in FILES.items():
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    key = folder / "carol"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True
    )
    signers = folder / "signers"
    signers.write_text(f"carol@example.com {key.with_suffix('.pub').read_text()}")
    git(checkout, "init", "--quiet", "--initial-branch=main")
    git(checkout, "add", "--all")
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingKey={key}")
    git(checkout, *signing, "commit", "--quiet", "--gpg-sign", "--message", "train")
    signer = CryptoSigner(generate_private_key(SECP256R1()))
    attestation = Attestation(
        files=dict(MODEL.sha256),
        parameters={"data": "transactions.parquet", "dataset": DATASET},
        window=WINDOW,
        commit=git(checkout, "rev-parse", "HEAD"),
        code=code_manifest(checkout).digest,
        dataset_path=DATASET,
        dataset=sha256_of_bytes(FILES[DATASET].encode()),
        data="d" * 64,
        environment=sha256_of_bytes(INSTALLED.encode()),
        builder="local",
        invocation="os:carol",
        started_at=datetime(2026, 3, 9, 11, tzinfo=UTC),
        finished_at=FINISHED,
    )
    trusted = Trusted(
        repository=checkout,
        training_keys=(trusted_key(signer.public_key),),
        commit_signers=signers,
    )
    return Origin(checkout, signer, attestation, trusted)


def attest_candidate(world: World, origin: Origin, version: int) -> Origin:
    """Let the origin's training job attest a candidate, in the candidate's own run."""
    candidate = world.client.get_model_version(CANDIDATES, str(version))
    model = world.server.stored(str(candidate.source))
    attested = origin.attesting(
        files=dict(Manifest.of(model).sha256),
        window=read_contract((model / "MLmodel").read_bytes()).training_window,
    )
    log_origin(world, attested, version)
    return attested


def log_origin(world: World, origin: Origin, version: int) -> None:
    """Put the origin's attestation and environment into the run of a candidate."""
    run = str(world.client.get_model_version(CANDIDATES, str(version)).run_id)
    text = sign_attestation(origin.attestation, origin.signer)
    world.client.log_text(run, text, ATTESTATION_FILE)
    world.client.log_text(run, origin.installed.decode(), ENVIRONMENT_FILE)


def strict_policy(folder: Path) -> Path:
    """The tests' policy, which here requires that everything is verified."""
    text = POLICY.read_text()
    for good, strict in (
        ("provenance: {}", f"provenance: {{verified: [{', '.join(FACT_NAMES)}]}}"),
        ("leakage: {}", "leakage: {at_least: attested}"),
    ):
        assert text.count(good) == 1
        text = text.replace(good, strict)
    path = folder / "strict.yaml"
    path.write_text(text)
    return path

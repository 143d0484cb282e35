"""A real tracking server, and a ledger of the test's own on it, with shortcuts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from securesystemslib.signer import Signer

from registry.errors import NotFound
from registry.evaluation.evidence import Evidence
from registry.evaluation.plan import PlannedFile, PlannedQuery
from registry.ledger.chain import Ledger, Link
from registry.ledger.creation import create_ledger
from registry.ledger.manifest import Manifest
from registry.ledger.statement import Statement
from registry.ledger.trust import Trust, open_signer
from registry.lifecycle import evaluate, promote
from registry.lifecycle.append import approval_fields, next_place
from registry.lifecycle.approval import Approval
from registry.lifecycle.plan import plan, planned_file
from registry.tracking.client import connect, read_ledger, server_errors
from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT, FILES_TAG, PRODUCTION
from tests.candidates import register_candidate, write_evaluation_rows
from tests.places import REPOSITORY

POLICY = REPOSITORY / "tests" / "policy.yaml"


ALL_PASSED = "20 of 20 checks passed; its origin is only claimed"
"""The summary of a good candidate's evidence under `POLICY`."""
PROMOTED = (
    f"{ALL_PASSED}; not required: a verified approver, a verified origin; "
    "approver said, not verified"
)
"""The verdict in its ledger entry."""


@dataclass(frozen=True)
class Server:
    """A real tracking server, and the folder of its files."""

    uri: str
    folder: Path

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def stored(self, address: str) -> Path:
        """The path, on the server's disk, of the files at an `mlflow-artifacts:/…` address."""
        return self.artifacts / address.removeprefix("mlflow-artifacts:/")


@dataclass(frozen=True)
class World:
    """The ledger of one test on the shared server, with shortcuts for the usual operations."""

    server: Server
    client: MlflowClient
    trust: Trust
    signer: Signer
    config: Path
    key: Path
    rows: Path

    def register(self, quality: float = 1.0, **arguments: float) -> int:
        return register_candidate(self.client, quality=quality, **arguments)  # type: ignore[arg-type]

    def register_changed(self, change: Callable[[Path], None]) -> int:
        """A candidate whose author changed the model's folder, and recorded its digest, by hand."""
        candidate = self.register()
        source = self.client.get_model_version(CANDIDATES, str(candidate)).source
        folder = self.server.stored(str(source))
        change(folder)
        digest = Manifest.of(folder).digest
        self.client.set_model_version_tag(CANDIDATES, str(candidate), FILES_TAG, digest)
        return candidate

    def evaluate(
        self, candidate: int, policy: Path = POLICY, rows: Path | None = None
    ) -> tuple[str, Evidence]:
        reference, evidence = evaluate.evaluate(
            self.client, self.trust, str(candidate), rows or self.rows, policy
        )
        return str(reference), evidence

    def plan(
        self,
        candidate: int,
        policy: Path = POLICY,
        data: PlannedFile | PlannedQuery | None = None,
    ) -> Link:
        """Plan an evaluation, on the world's rows where no data is given."""
        data = data or planned_file(self.rows)
        approval = Approval("github:bob", "monthly release")
        return plan(self.client, self.trust, self.signer, str(candidate), policy, data, approval)

    def promote(self, reference: str, comment: str = "better", policy: Path = POLICY) -> Link:
        link, _ = promote.promote(
            self.client,
            self.trust,
            self.signer,
            reference,
            (Approval("github:alice", comment),),
            policy,
        )
        return link

    def put_in_production(self, quality: float = 1.0, **arguments: float) -> Link:
        """Register, evaluate and promote a candidate."""
        reference, _ = self.evaluate(self.register(quality, **arguments))
        return self.promote(reference)

    def next_promotion(self, comment: str) -> Statement:
        """A statement by Bob that follows the tip and promotes the model in force again."""
        head = self.ledger.head
        assert head
        changes = {**next_place(self.ledger), **approval_fields(Approval("github:bob", comment))}
        entry = head.statement.entry.model_copy(update=changes)
        return Statement(files=head.statement.files, entry=entry)

    @property
    def ledger(self) -> Ledger:
        return read_ledger(self.client, self.trust)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the command line and of the service."""
        return {
            "MLFLOW_TRACKING_URI": self.server.uri,
            "FRAUD_LEDGER_CONFIG": str(self.config),
            "FRAUD_SIGNING_KEY": f"file2:{self.key}",
            "FRAUD_POLICY": str(POLICY),
            "FRAUD_PROVENANCE": os.devnull,
            "FRAUD_TRAINING_KEY": "",
        }


def new_world(server: Server, folder: Path) -> World:
    """An empty ledger with its key in `folder`."""
    config, key = folder / "ledger.yaml", folder / "signing-key.pem"
    trust = create_ledger(config, key)
    rows = write_evaluation_rows(folder / "rows.parquet")
    signer = open_signer(f"file2:{key}", trust)
    return World(server, connect(server.uri), trust, signer, config, key, rows)


@contextmanager
def lasting(world: World) -> Iterator[World]:
    """Make the server as good as new at the end.

    The registered models are deleted, so that the next versions start at 1, and the experiment of
    evidence is renamed, so that later tests do not count this one's looks at their rows.
    """
    yield world
    with suppress(NotFound), server_errors("tidying up"):
        experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is not None:
            used = f"{EVIDENCE_EXPERIMENT} of {world.trust.ledger_id}"
            world.client.rename_experiment(experiment.experiment_id, used)
    for name in (CANDIDATES, PRODUCTION):
        with suppress(NotFound), server_errors("tidying up"):
            world.client.delete_registered_model(name)

"""Candidates as training registers them, and what makes them old: a change in the database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from registry.tracking.client import suppress_exists
from registry.tracking.names import CANDIDATES
from registry.tracking.removal import PARENT_TAG
from tests.world import Server, World

DAYS = 100
"""How old `make_old` makes what it is given."""
OLD_MS = DAYS * 86_400_000


@dataclass(frozen=True)
class Trained:
    """A candidate that was logged as a model of its run, which has a nested run."""

    version: int
    run_id: str
    nested: str
    model_id: str
    folders: tuple[Path, ...]
    """Of the run, of the nested run and of the model on the server's disk, with a file each."""


def train(world: World, folder: Path) -> Trained:
    """Register a candidate as a search in training does."""
    client = world.client
    experiment = client.get_experiment_by_name("search")
    where = experiment.experiment_id if experiment else client.create_experiment("search")
    run = client.create_run(where)
    nested = client.create_run(where, tags={PARENT_TAG: run.info.run_id})
    model = client.create_logged_model(where, name="model", source_run_id=run.info.run_id)
    client.finalize_logged_model(model.model_id, "READY")
    folder.mkdir(exist_ok=True)
    (folder / "rows.txt").write_text("rows")
    client.log_model_artifacts(model.model_id, str(folder))
    for each in (run, nested):
        client.log_artifacts(each.info.run_id, str(folder))
        client.set_terminated(each.info.run_id)
    with suppress_exists():
        client.create_registered_model(CANDIDATES)
    source = f"models:/{model.model_id}"
    version = client.create_model_version(
        CANDIDATES, source, run_id=run.info.run_id, model_id=model.model_id
    )
    addresses = (run.info.artifact_uri, nested.info.artifact_uri, model.artifact_location)
    return Trained(
        int(version.version),
        run.info.run_id,
        nested.info.run_id,
        model.model_id,
        tuple(world.server.stored(str(address)) for address in addresses),
    )


def train_old(world: World, folder: Path) -> Trained:
    """The same, with candidate and runs a hundred days old."""
    trained = train(world, folder)
    make_old(world, trained.version)
    make_run_old(world.server, trained.nested)
    return trained


def make_old(world: World, candidate: int) -> int:
    """Make a candidate and its run a hundred days older; return the candidate."""
    _change(
        world.server,
        "UPDATE model_versions SET creation_time = creation_time - ? "
        "WHERE name = 'fraud-detector' AND version = ?",
        candidate,
    )
    run_id = world.client.get_model_version(CANDIDATES, str(candidate)).run_id
    make_run_old(world.server, str(run_id))
    return candidate


def make_run_old(server: Server, run_id: str) -> None:
    _change(server, "UPDATE runs SET start_time = start_time - ? WHERE run_uuid = ?", run_id)


def _change(server: Server, statement: str, which: int | str) -> None:
    with closing(sqlite3.connect(server.folder / "mlflow.db", timeout=30)) as database, database:
        assert database.execute(statement, (OLD_MS, which)).rowcount == 1

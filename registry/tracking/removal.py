"""Removal: a training run and what belongs to it, found and deleted on the tracking server.

MLflow keeps what it deletes: a deleted run and a deleted logged model are rows that are hidden, and
their files stay. The files are deleted through the server (docs/decisions/pruning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from registry.tracking.client import (
    LoggedModel,
    MlflowClient,
    PagedList,
    Run,
    delete_files,
    suppress_missing,
)
from registry.tracking.fetch import proxied_path
from registry.tracking.rest import Registry

PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own, on a nested run: the id of the run that it belongs to."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Family:
    """A training run, the runs nested in it such as the trials of a search, and their models."""

    run: Run
    nested: tuple[Run, ...]
    models: tuple[LoggedModel, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The run itself last: it is by this run that a removal that was interrupted is found."""
        return (*self.nested, self.run)

    @property
    def folders(self) -> dict[str, str]:
        """The artifact address of each run and model, by its id."""
        return {
            **{model.model_id: model.artifact_location for model in self.models},
            **{run.info.run_id: str(run.info.artifact_uri) for run in self.runs},
        }

    @property
    def foreign_folder(self) -> str:
        """A folder that may not be deleted, if there is one.

        Only a folder that the server proxies, and that carries its owner's id, is nobody else's.
        """
        for owner, address in self.folders.items():
            parts = (proxied_path(address) or "").split("/")
            if parts[-2:] != [owner, "artifacts"] or ".." in parts:
                return address
        return ""


def family_of(client: MlflowClient, run_id: str) -> Family | None:
    """The family of a run, in its experiment; None where there is no such run any more.

    Raises MlflowException.
    """
    run: Run | None = None
    with suppress_missing():
        run = client.get_run(run_id)
    if run is None:
        return None
    where = [run.info.experiment_id]
    found = {run_id: run}
    waiting = [run_id]
    while waiting:
        condition = f"tags.`{PARENT_TAG}` = '{waiting.pop()}'"
        for child in all_pages(partial(client.search_runs, where, condition)):
            if child.info.run_id not in found:  # whoever may set tags may close a circle
                found[child.info.run_id] = child
                waiting.append(child.info.run_id)
    models: list[LoggedModel] = []
    for each in found:
        models += all_pages(
            partial(client.search_logged_models, where, f"source_run_id = '{each}'")
        )
    return Family(found.pop(run_id), tuple(found.values()), tuple(models))


def delete_family(client: MlflowClient, family: Family) -> None:
    """Delete the files, then the models, the nested runs and the run. Idempotent.

    Raises MlflowException and Unreachable; what is left then is found by the run.
    """
    registry = Registry(client.tracking_uri)
    for address in family.folders.values():
        # Where there is nothing, Azure Blob Storage would refuse to delete.
        if registry.files(proxied_path(address) or ""):
            delete_files(client, address)
    for model in family.models:
        client.delete_logged_model(model.model_id)
    for run in family.runs:
        client.delete_run(run.info.run_id)


def all_pages(search: Callable[..., PagedList[Item]]) -> Iterator[Item]:
    """The items of all pages of one of MLflow's searches."""
    token: str | None = None
    while True:
        page = search(page_token=token)
        yield from page
        token = page.token
        if not token:
            return

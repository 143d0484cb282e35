"""A training run and what belongs to it, found and deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.entities import RunData
from mlflow.store.entities import PagedList

from registry.tracking.client import Run, RunInfo
from registry.tracking.removal import Family, all_pages, delete_family, family_of
from tests.registry.old import train
from tests.world import World

RUN = "0" * 32


def alone_in(address: str) -> Family:
    """A run with its files at an address."""
    info = RunInfo(RUN, "1", "carol", "FINISHED", 0, 0, "active", address)
    return Family(Run(info, RunData()), (), ())


@pytest.mark.parametrize(
    ("address", "is_foreign"),
    [
        (f"mlflow-artifacts:/1/{RUN}/artifacts", False),
        (f"mlflow-artifacts:/{RUN}/artifacts", False),
        ("mlflow-artifacts:/1/artifacts", True),
        ("mlflow-artifacts:/", True),
        (f"mlflow-artifacts:/1/{RUN}", True),
        (f"mlflow-artifacts:/1/{RUN}/artifacts/", True),
        (f"mlflow-artifacts:/../{RUN}/artifacts", True),
        (f"mlflow-artifacts://other.example/1/{RUN}/artifacts", True),
        (f"https://other.example/{RUN}/artifacts", True),
        (f"/mlruns/1/{RUN}/artifacts", True),
    ],
)
def test_only_a_proxied_folder_with_the_id_of_its_owner_may_be_deleted(
    address: str, is_foreign: bool
) -> None:
    assert alone_in(address).foreign_folder == (address if is_foreign else "")


def test_a_family_is_the_run_the_runs_nested_in_it_and_their_models(
    world: World, tmp_path: Path
) -> None:
    trained = train(world, tmp_path / "x")
    family = family_of(world.client, trained.run_id)

    assert family
    assert list(family.folders) == [trained.model_id, trained.nested, trained.run_id]
    assert [world.server.stored(address) for address in family.folders.values()] == [
        trained.folders[2],
        trained.folders[1],
        trained.folders[0],
    ]
    assert family_of(world.client, RUN) is None


def test_a_family_is_deleted_any_number_of_times(world: World, tmp_path: Path) -> None:
    trained = train(world, tmp_path / "x")
    family = family_of(world.client, trained.run_id)
    assert family
    for _ in range(2):
        delete_family(world.client, family)
        assert not any(folder.exists() for folder in trained.folders)
        assert world.client.get_run(trained.run_id).info.lifecycle_stage == "deleted"


def two_at_a_time(page_token: str | None) -> PagedList[int]:
    start = int(page_token or 0)
    return PagedList([start, start + 1], str(start + 2) if start < 4 else None)


def test_a_search_is_read_page_by_page() -> None:
    assert list(all_pages(two_at_a_time)) == [0, 1, 2, 3, 4, 5]

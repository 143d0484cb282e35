"""Cached files that change while they are read: what is served is what was verified."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import inference.follower
from inference.cache import Cache
from inference.model import load_model
from registry.ledger.files import Files
from registry.ledger.fold import fold
from registry.ledger.trust import read_trust
from registry.tracking.rest import Registry
from tests.contracts import number
from tests.inference.models import weighted_sum, write_model
from tests.inference.pods import at, pod, put_in_force
from tests.swapping import replace_file, swapped_once_opened
from tests.world import World

NOWHERE = "http://127.0.0.1:9"
SECONDS = 1.0


@pytest.fixture
def cache(world: World, tmp_path: Path) -> Path:
    """The cache of a pod that served weight 0.25 as version 1."""
    put_in_force(world, tmp_path, 0.25)
    assert pod(world, tmp_path / "cache").poll()
    return tmp_path / "cache"


def model_file(cache: Path) -> Path:
    (found,) = cache.glob("*/models/*/model.onnx")
    return found


@contextmanager
def in_a_thread(work: threading.Thread, stop: threading.Event) -> Iterator[None]:
    work.start()
    try:
        yield
    finally:
        stop.set()
        work.join()


@pytest.mark.parametrize("uri", [None, NOWHERE], ids=["registry", "no registry"])
@pytest.mark.parametrize("name", ["model.onnx", "MLmodel"])
def test_a_file_that_is_swapped_once_it_was_opened_is_not_loaded(
    world: World, cache: Path, tmp_path: Path, name: str, uri: str | None
) -> None:
    other = write_model(tmp_path / "other", weighted_sum(0.75), number("evil"))
    started = pod(at(uri or world.server.uri, world), cache)
    with swapped_once_opened(cache, name, (other / name).read_bytes()) as swapped:
        started.poll()
    assert len(swapped) == 1
    assert started.serving.model
    assert started.serving.model.contract.names == ("amount",)
    assert started.serving.model.score([0.5])[1] == 0.125


def test_a_hard_link_to_a_cached_file_changes_nothing_that_was_verified(
    world: World, cache: Path, tmp_path: Path
) -> None:
    link, kept = world.ledger.chain[0], Cache(cache, world.trust.ledger_id)
    os.link(model_file(cache), tmp_path / "link")
    files = kept.verified(link)
    assert files
    (tmp_path / "link").write_bytes(weighted_sum(0.75))
    assert model_file(cache).read_bytes() == weighted_sum(0.75)

    assert load_model(files, link).score([0.5])[1] == 0.125
    assert kept.verified(link) is None
    fetched = kept.fetch(Registry(world.server.uri), link)
    assert load_model(fetched, link).score([0.5])[1] == 0.125
    assert model_file(cache).read_bytes() == weighted_sum(0.25)
    assert (tmp_path / "link").read_bytes() == weighted_sum(0.75)


def test_no_verified_load_has_other_bytes_while_a_thread_swaps_them(
    world: World, cache: Path
) -> None:
    link, kept = world.ledger.chain[0], Cache(cache, world.trust.ledger_id)
    file, stop = model_file(cache), threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for weight in (0.75, 0.25):
                replace_file(file, weighted_sum(weight))

    loaded: list[float] = []
    deadline = time.monotonic() + SECONDS
    with in_a_thread(threading.Thread(target=swap), stop):
        while time.monotonic() < deadline:
            if files := kept.verified(link):
                loaded.append(load_model(files, link).score([0.5])[1])
    assert set(loaded) == {0.125}


def load_repeatedly(uri: str, config: Path, cache: Path, first: int) -> tuple[int, list[float]]:
    """A worker process: how often it loaded each version in turn, and the wrong answers."""
    registry, trust = Registry(uri), read_trust(config)
    ledger, kept = fold(registry.versions(), trust), Cache(cache, trust.ledger_id)
    count, wrong = 0, list[float]()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        link = ledger.chain[(first + count) % 2]
        answer = load_model(kept.fetch(registry, link), link).score([0.5])[1]
        if answer != {1: 0.125, 2: 0.375}[link.version]:
            wrong.append(answer)
        kept.delete_all_except(ledger, link)
        count += 1
    return count, wrong


def test_workers_that_fetch_and_delete_in_one_cache_load_only_approved_files(
    world: World, cache: Path, tmp_path: Path
) -> None:
    """Processes, as gunicorn starts them, beside one that damages and swaps what they cache."""
    put_in_force(world, tmp_path, 0.75)
    Cache(cache, world.trust.ledger_id).store(world.ledger, [])
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            for file in cache.glob("*/models/*/model.onnx"):
                with suppress(FileNotFoundError):
                    replace_file(file, weighted_sum(0.5))
                    file.write_bytes(weighted_sum(0.5)[:50])

    work = (world.server.uri, world.config, cache)
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(4, mp_context=context) as workers,
        in_a_thread(threading.Thread(target=attack), stop),
    ):
        done = [workers.submit(load_repeatedly, *work, first) for first in range(4)]
        results = [one.result(120) for one in done]
    assert [wrong for _, wrong in results] == [[], [], [], []]
    assert all(count > 0 for count, _ in results)


@pytest.mark.parametrize("uri", [None, NOWHERE], ids=["registry", "no registry"])
def test_a_models_files_are_not_kept_in_memory_after_it_was_loaded(
    world: World, cache: Path, monkeypatch: pytest.MonkeyPatch, uri: str | None
) -> None:
    held: list[weakref.ref[Files]] = []
    alive_at_release: list[bool] = []

    def load(files: Files, *arguments: object, **settings: object) -> object:
        held.append(weakref.ref(files))
        return load_model(files, *arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(inference.follower, "load_model", load)
    monkeypatch.setattr(
        inference.follower,
        "_release_memory",
        lambda: alive_at_release.append(held[0]() is not None),
    )
    started = pod(at(uri or world.server.uri, world), cache)
    started.poll()
    assert started.version == 1
    assert alive_at_release == [False]

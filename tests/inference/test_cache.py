"""The cache: what a pod starts from when the registry is away, and what never counts."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from inference.cache import Cache
from registry.errors import Unreachable, UsageError, VerificationError
from registry.ledger.creation import create_ledger
from registry.ledger.tip import Tip
from registry.ledger.trust import read_trust
from registry.tracking.names import PRODUCTION
from registry.tracking.rest import Registry
from tests.inference.calls import wait_for_health
from tests.inference.pods import Pod, at, pod, put_in_force
from tests.inference.relay import relayed
from tests.waiting import wait_until
from tests.world import World

NOWHERE = "http://127.0.0.1:9"
FORGOTTEN = "the ledger does not extend the remembered tip: entry 2 of ledger "


@pytest.fixture
def cache(world: World, tmp_path: Path) -> Path:
    """What a pod left that served weight 0.25 as version 1."""
    put_in_force(world, tmp_path, 0.25)
    assert pod(world, tmp_path / "cache").poll()
    return tmp_path / "cache"


def of_ledger(world: World, cache: Path) -> Path:
    return cache / world.trust.ledger_id


def model_file(world: World, cache: Path) -> Path:
    (found,) = of_ledger(world, cache).glob("models/*/model.onnx")
    return found


def start_without_registry(world: World, cache: Path, **settings: str) -> Pod:
    started = pod(at(NOWHERE, world), cache, **settings)
    assert not started.poll()
    return started


def test_a_start_without_the_registry_serves_the_last_verified_model_and_says_so(
    world: World, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    started = start_without_registry(world, cache)
    assert started.version == 1
    assert started.serving.not_ready == ""
    assert started.serving.source == "cache"
    assert started.serving.problem.startswith("reading the ledger: ")
    assert started.count("fraud_cache_starts_total") == 1
    assert started.serving.model
    assert started.serving.model.score([0.5])[1] == 0.125
    assert any(one.startswith("started from the cache: reading") for one in caplog.messages)

    assert not started.poll()
    assert started.count("fraud_cache_starts_total") == 1


def test_a_service_starts_from_the_cache_and_follows_the_registry_when_that_comes_back(
    world: World, cache: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with relayed(world.server.uri) as relay:
        relay.go_down()
        settings = {"FRAUD_POLL_SECONDS": "0.2", "FRAUD_CACHE": str(cache)}
        service = inference_service(relay.uri, world.config, free_port(), log, **settings)
        with service as (address, _):
            said = wait_for_health(address, 200, '"source":"cache"').json()
            assert said["model_version"] == 1
            assert said["problem"].startswith("reading the ledger: ")
            assert said["lag_seconds"] > 0
            assert httpx.get(f"{address}/readyz").status_code == 200
            metrics = httpx.get(f"{address}/metrics").text
            assert "fraud_cache_starts_total 1.0" in metrics
            answer = httpx.post(f"{address}/predict", json={"amount": 0.5})
            assert answer.json()["probability"] == 0.125
            assert '"message":"started from the cache: ' in log.read_text()

            put_in_force(world, tmp_path, 0.75)
            relay.come_up()
            said = wait_for_health(address, 200, '"source":"registry"').json()
            assert (said["model_version"], said["problem"]) == (2, "")


def test_with_neither_cache_nor_registry_it_lives_and_is_ready_once_the_registry_comes(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    with relayed(world.server.uri) as relay:
        relay.go_down()
        service = inference_service(relay.uri, world.config, free_port(), tmp_path / "log")
        with service as (address, process):
            wait_for_health(address, 503, "reading the ledger: ")
            assert httpx.get(f"{address}/livez").status_code == 200
            assert httpx.get(f"{address}/readyz").status_code == 503
            relay.come_up()
            assert wait_for_health(address, 200).json()["source"] == "registry"
            assert process.poll() is None


@pytest.mark.parametrize("content", [b"", b"bytes", b"\x00" * 500])
def test_damaged_bytes_in_the_cache_are_not_served_and_are_fetched_again(
    world: World, cache: Path, content: bytes
) -> None:
    file = model_file(world, cache)
    good = file.read_bytes()
    file.write_bytes(content)
    started = start_without_registry(world, cache)
    assert started.version is None
    assert started.serving.not_ready.endswith(
        "and the cache does not hold version 1: promote of candidate 11 by github:alice"
    )
    assert started.count("fraud_cache_starts_total") == 0

    assert pod(world, cache).poll()
    assert model_file(world, cache).read_bytes() == good


@pytest.mark.parametrize("name", ["sitecustomize.py", "code/added.py"])
def test_an_added_file_in_the_cache_does_not_count(world: World, cache: Path, name: str) -> None:
    added = model_file(world, cache).parent / name
    added.parent.mkdir(exist_ok=True)
    added.write_text("import os\n")
    assert start_without_registry(world, cache).version is None
    assert pod(world, cache).poll()
    assert not added.exists()


def test_a_link_in_the_cache_does_not_count(world: World, cache: Path, tmp_path: Path) -> None:
    file = model_file(world, cache)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert start_without_registry(world, cache).version is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"number": 1}]', '{"number": 1}', "\udcff"])
def test_a_damaged_copy_of_the_ledger_does_not_count(world: World, cache: Path, text: str) -> None:
    file = of_ledger(world, cache) / "ledger.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    started = start_without_registry(world, cache)
    assert started.version is None
    assert started.serving.not_ready.endswith(
        f"{file} is damaged; delete it to read the ledger from the registry again"
    )
    assert pod(world, cache).poll()
    assert start_without_registry(world, cache).version == 1


def test_evidence_is_read_from_the_cache_if_it_is_that_of_the_entry(
    world: World, tmp_path: Path
) -> None:
    link = world.put_in_production()
    cache = Cache(tmp_path / "cache", world.trust.ledger_id)
    fetched = cache.evidence(Registry(world.server.uri), link)
    away = Registry(NOWHERE, default_retries=0)

    assert cache.evidence(away, link) == fetched
    (of_ledger(world, tmp_path / "cache") / "evidence.json").write_bytes(fetched + b" ")
    with pytest.raises(Unreachable):
        cache.evidence(away, link)
    assert cache.evidence(Registry(world.server.uri), link) == fetched


def test_an_edited_copy_of_the_ledger_does_not_count(world: World, cache: Path) -> None:
    file = of_ledger(world, cache) / "ledger.json"
    (version,) = json.loads(file.read_text())
    version["source"] = "mlflow-artifacts:/elsewhere"
    file.write_text(json.dumps([version]))
    started = start_without_registry(world, cache)
    assert started.version is None
    assert "does not extend the remembered tip" in started.serving.not_ready


def test_a_damaged_tip_stops_the_start_with_and_without_the_registry(
    world: World, cache: Path
) -> None:
    file = of_ledger(world, cache) / "tip"
    file.write_text("damaged")
    for asked in (world, at(NOWHERE, world)):
        started = pod(asked, cache)
        assert not started.poll()
        assert started.version is None
        assert f"{file} is damaged: it holds no tip of a ledger" in started.serving.not_ready


def test_the_cache_of_another_ledger_is_left_alone_and_does_not_count(
    world: World, cache: Path, tmp_path: Path
) -> None:
    other = create_ledger(tmp_path / "other.yaml", tmp_path / "other.pem")
    elsewhere = World(**{**vars(world), "trust": other, "config": tmp_path / "other.yaml"})
    started = start_without_registry(elsewhere, cache)
    assert started.version is None
    assert model_file(world, cache).exists()

    shutil.rmtree(of_ledger(elsewhere, cache))
    shutil.copytree(of_ledger(world, cache), of_ledger(elsewhere, cache))
    started = start_without_registry(elsewhere, cache)
    assert started.version is None
    assert "does not extend the remembered tip" in started.serving.not_ready


def test_a_registry_that_answers_but_is_broken_never_makes_it_start_from_the_cache(
    world: World, cache: Path, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.75)
    shutil.copytree(cache, tmp_path / "other")
    assert pod(world, cache).poll()
    world.client.delete_model_version(PRODUCTION, "1")
    for kept in (cache, tmp_path / "other", tmp_path / "new"):
        started = pod(world, kept)
        assert not started.poll()
        assert started.version is None
        assert "version 2 is broken: it follows" in started.serving.not_ready
        assert started.count("fraud_swaps_failed_total", reason="verification") == 1
        assert started.count("fraud_cache_starts_total") == 0


def test_if_the_heads_files_are_unavailable_no_older_model_is_served(
    world: World, cache: Path, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.75)
    source = str(world.client.get_model_version(PRODUCTION, "2").source)
    shutil.rmtree(world.server.stored(source))
    started = pod(world, cache)
    assert not started.poll()
    assert started.version is None
    assert started.serving.not_ready == (
        "the files of ledger version 2: MLmodel is missing; model.onnx is missing"
    )
    assert started.count("fraud_swaps_failed_total", reason="bytes") == 1

    again = start_without_registry(world, cache)
    assert again.version is None
    assert "the cache does not hold version 2" in again.serving.not_ready


def test_entries_that_were_deleted_from_the_end_are_noticed_by_a_pod_that_starts_again(
    world: World, cache: Path, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.75)
    assert pod(world, cache).poll()
    world.client.delete_model_version(PRODUCTION, "2")
    log, kept = tmp_path / "log", {"FRAUD_CACHE": str(cache)}
    service = inference_service(world.server.uri, world.config, free_port(), log, **kept)
    with service as (address, _):
        reason = wait_for_health(address, 503, FORGOTTEN).json()["reason"]
    assert reason.startswith(f"{FORGOTTEN}{world.trust.ledger_id} was ")
    assert "now it ends with entry 1 (version 1" in reason
    assert f"not ready: {FORGOTTEN}" in log.read_text()


def test_a_floor_lets_a_new_pod_notice_it_too(world: World, cache: Path, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.75)
    tip = Tip.of(world.ledger)
    floor = {"FRAUD_LEDGER_FLOOR": str(tip)}
    assert pod(world, tmp_path / "new", **floor).poll()
    assert start_without_registry(world, cache, **floor).version is None
    world.client.delete_model_version(PRODUCTION, "2")
    assert pod(world, tmp_path / "other").poll()
    started = pod(world, tmp_path / "another", **floor)
    assert not started.poll()
    assert started.serving.not_ready.startswith(FORGOTTEN)


def test_models_before_the_previous_one_are_deleted(
    world: World, cache: Path, tmp_path: Path
) -> None:
    one = pod(world, cache)
    one.poll()
    for weight in (0.5, 0.75):
        put_in_force(world, tmp_path, weight)
        one.poll()
    kept = {path.parent.name for path in of_ledger(world, cache).glob("models/*/model.onnx")}
    assert kept == {link.statement.manifest.digest for link in world.ledger.models[1:]}


def test_a_download_that_was_killed_leaves_nothing(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25, padding=os.urandom(4_000_000))
    cache = tmp_path / "cache"
    settings = {"FRAUD_CACHE": str(cache)}
    with relayed(world.server.uri) as relay:
        relay.most_bytes = 1_000_000
        service = inference_service(
            relay.uri, world.config, free_port(), tmp_path / "log", **settings
        )
        with service as (_, process):
            wait_until(lambda: relay.holds_back)
            process.send_signal(signal.SIGKILL)
            process.wait(20)
    assert list(of_ledger(world, cache).glob("partial-*")) == []
    assert list(of_ledger(world, cache).glob("models/*")) == []
    assert start_without_registry(world, cache).version is None


def test_what_a_worker_had_written_when_it_was_killed_does_not_count(
    world: World, cache: Path
) -> None:
    complete, left = model_file(world, cache).parent, of_ledger(world, cache) / "partial-killed"
    left.mkdir()
    complete.rename(left / "model")
    (left / "model" / "model.onnx").write_bytes(b"half")
    assert start_without_registry(world, cache).version is None

    assert not left.exists()
    assert pod(world, cache).poll()


@pytest.mark.parametrize("age_seconds", [0, 10**9, -(10**9)])
def test_a_download_under_way_is_left_alone_however_old_the_clock_says_it_is(
    world: World, tmp_path: Path, age_seconds: int
) -> None:
    """A clock that jumps makes files look older than they are, or of the future."""
    put_in_force(world, tmp_path, 0.25)
    cache = tmp_path / "cache"
    with Cache(cache, world.trust.ledger_id)._download_folder() as under_way:
        then = time.time() - age_seconds
        os.utime(under_way, (then, then))
        assert pod(world, cache).poll()
        assert under_way.exists()
    assert not under_way.exists()


@pytest.mark.parametrize("name", ["partial-tip-0123abcd", "partial-0123abcd/model/model.onnx"])
def test_what_a_killed_worker_left_is_gone_once_its_successor_has_read_the_ledger(
    world: World, tmp_path: Path, name: str
) -> None:
    put_in_force(world, tmp_path, 0.25)
    cache = tmp_path / "cache"
    successor = pod(world, cache)
    left = of_ledger(world, cache) / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    assert successor.poll()
    assert list(of_ledger(world, cache).glob("partial-*")) == []


def test_a_hard_link_to_a_file_that_changes_later_is_neither_served_nor_written_through(
    world: World, cache: Path, tmp_path: Path
) -> None:
    file, outside = model_file(world, cache), tmp_path / "outside"
    good = file.read_bytes()
    outside.write_bytes(good)
    file.unlink()
    file.hardlink_to(outside)
    running = start_without_registry(world, cache)
    assert running.version == 1
    outside.write_bytes(b"other bytes")
    assert running.serving.model
    assert running.serving.model.score([0.5])[1] == 0.125
    assert start_without_registry(world, cache).version is None
    assert pod(world, cache).poll()
    assert model_file(world, cache).read_bytes() == good
    assert outside.read_bytes() == b"other bytes"


def test_a_download_that_fails_leaves_nothing(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25)
    source = world.client.get_model_version(PRODUCTION, "1").source
    (world.server.stored(str(source)) / "model.onnx").write_bytes(b"bytes")
    cache = tmp_path / "cache"
    assert not pod(world, cache).poll()
    assert list(of_ledger(world, cache).glob("partial-*")) == []
    assert list(of_ledger(world, cache).glob("models/*")) == []


def test_workers_that_share_a_cache_do_not_interfere(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25, padding=os.urandom(200_000))
    cache, workers = tmp_path / "cache", 8
    trust, versions = read_trust(world.config), world.ledger
    listed = list(Registry(world.server.uri).versions())
    start, failures = threading.Barrier(workers), list[BaseException]()

    def work() -> None:
        try:
            own = Cache(cache, trust.ledger_id)
            start.wait(20)
            for _ in range(5):
                own.store(versions, listed)
                folder = own.fetch(Registry(world.server.uri), versions.chain[0])
                assert own.verified(versions.chain[0]) == folder
                own.delete_all_except(versions, versions.chain[0])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert list(of_ledger(world, cache).glob("partial-*")) == []
    assert len(list(of_ledger(world, cache).glob("models/*"))) == 1


def test_a_worker_that_read_an_older_ledger_deletes_no_files_of_another(
    world: World, cache: Path, tmp_path: Path
) -> None:
    older = world.ledger
    put_in_force(world, tmp_path, 0.75)
    assert pod(world, cache).poll()
    kept = Cache(cache, world.trust.ledger_id)
    kept.delete_all_except(older, older.chain[0])
    assert kept.verified(world.ledger.chain[1])
    kept.delete_all_except(world.ledger, world.ledger.chain[1])
    assert kept.verified(older.chain[0]) is None
    assert kept.verified(world.ledger.chain[1])


def test_a_worker_that_read_an_older_ledger_does_not_replace_the_tip(
    world: World, cache: Path, tmp_path: Path
) -> None:
    older = world.ledger
    put_in_force(world, tmp_path, 0.75)
    kept = Cache(cache, world.trust.ledger_id)
    kept.store(world.ledger, [])
    with pytest.raises(VerificationError, match="does not extend"):
        kept.store(older, [])
    assert (of_ledger(world, cache) / "tip").read_text() == f"{Tip.of(world.ledger)}\n"


def test_a_cache_that_is_not_writable_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UsageError) as caught:
        Cache(file / "cache", "ledger")
    assert str(caught.value) == (
        f"the cache {file}/cache is not writable (Not a directory); "
        "set FRAUD_CACHE to a folder that is"
    )


def test_a_ledgers_id_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    Cache(tmp_path / "cache", "../../elsewhere")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["..%2F..%2Felsewhere"]


@contextmanager
def full_disk(most_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond so many bytes: an error in every longer write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_with_a_full_disk_a_model_in_the_cache_is_served_and_the_disk_reported(
    world: World, cache: Path
) -> None:
    before = sorted(cache.rglob("*"))
    restarted = pod(world, cache)
    with full_disk(0):
        assert not restarted.poll()
    assert restarted.version == 1
    assert restarted.serving.not_ready == ""
    assert restarted.serving.problem == f"the cache {of_ledger(world, cache)}: File too large"
    assert sorted(cache.rglob("*")) == before

    assert restarted.poll()
    assert restarted.serving.problem == ""


def test_with_a_full_disk_a_model_that_must_be_fetched_waits_for_room(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25, padding=b"x" * 50_000)
    started = pod(world, tmp_path / "cache")
    with full_disk(20_000):
        assert not started.poll()
    assert started.version is None
    assert started.serving.not_ready.endswith(": File too large")
    assert list(of_ledger(world, tmp_path / "cache").glob("partial-*")) == []
    assert started.poll()
    assert started.version == 1


def test_with_a_full_disk_a_running_pod_keeps_its_model_until_there_is_room(
    world: World, cache: Path, tmp_path: Path
) -> None:
    running = pod(world, cache)
    assert running.poll()
    put_in_force(world, tmp_path, 0.75)
    with full_disk(0):
        assert not running.poll()
        assert running.version == 1
    assert running.poll()
    assert running.version == 2

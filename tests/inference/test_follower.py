"""Following the ledger: what is served and reported after each poll."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from inference.cache import Cache
from inference.history_upkeep import IncompleteHistory
from registry.errors import UsageError
from registry.ledger.creation import create_ledger
from registry.ledger.keys import with_last, write_trust
from registry.ledger.tip import Tip
from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback
from registry.tracking.names import PRODUCTION
from tests.contracts import number
from tests.inference.calls import wait_for_health
from tests.inference.models import append, append_signed, weighted_sum, write_model
from tests.inference.pods import Pod, at, pod, put_in_force
from tests.inference.relay import relayed
from tests.waiting import wait_until
from tests.world import POLICY, World

ALICE = Approval("github:alice", "as agreed")
QUICK = {"FRAUD_POLL_SECONDS": "0.2"}
NOWHERE = "http://127.0.0.1:9"


def probability(one: Pod) -> float:
    assert one.serving.model
    return one.serving.model.score([0.5])[1]


def damage(world: World, version: int) -> None:
    source = world.client.get_model_version(PRODUCTION, str(version)).source
    (world.server.stored(str(source)) / "model.onnx").write_bytes(b"bytes")


def test_a_promotion_and_a_rollback_are_served_after_the_next_poll(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    assert one.poll()
    assert (one.version, probability(one)) == (1, 0.125)

    put_in_force(world, tmp_path, 0.75)
    assert one.poll()
    assert (one.version, probability(one)) == (2, 0.375)
    assert one.poll()
    assert one.count("fraud_swaps_total") == 1

    rollback(world.client, world.trust, world.signer, 1, ALICE)
    assert one.poll()
    assert (one.version, probability(one)) == (3, 0.125)
    assert one.count("fraud_swaps_total") == 2
    assert one.serving.problem == ""


def test_a_promotion_is_served_where_the_workers_files_cannot_be_written(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    assert one.poll()
    put_in_force(world, tmp_path, 0.75)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "gone"))
    assert one.poll()
    assert (one.version, probability(one)) == (2, 0.375)
    assert one.count("fraud_swaps_total") == 1
    said = "the metrics of this model are incomplete until the next swap or restart"
    assert [one.message for one in caplog.records if one.exc_info] == [said]


def test_the_same_entry_under_another_number_is_served_under_that(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    one.poll()
    version = world.client.get_model_version(PRODUCTION, "1")
    world.client.delete_model_version(PRODUCTION, "1")
    append(world, version.source, version.run_id, version.tags["statement"])
    assert one.poll()
    assert (one.version, probability(one)) == (2, 0.125)


def test_a_new_head_with_damaged_bytes_leaves_the_old_model_in_service(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    one.poll()
    put_in_force(world, tmp_path, 0.75)
    damage(world, 2)
    reason = "the files of ledger version 2: model.onnx was changed"
    for polls in (1, 2):
        assert not one.poll()
        assert one.count("fraud_swaps_failed_total", reason="bytes") == polls
    assert (one.version, probability(one)) == (1, 0.125)
    assert one.serving.not_ready == ""
    assert one.serving.problem == reason
    assert f"keeping the served model: {reason}" in caplog.messages


def test_a_new_head_that_cannot_be_loaded_leaves_the_old_model_in_service(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    one.poll()
    append_signed(world, write_model(tmp_path / "none", b"no model", number("amount")))
    assert not one.poll()
    assert one.count("fraud_swaps_failed_total", reason="contract") == 1
    assert one.serving.problem == "model.onnx is not a model that onnxruntime can load"
    assert (one.version, one.serving.not_ready) == (1, "")

    put_in_force(world, tmp_path, 0.75)
    assert one.poll()
    assert (one.version, one.serving.problem) == (3, "")


def test_a_model_without_a_probability_for_its_reference_values_is_not_served(
    world: World, tmp_path: Path
) -> None:
    model = weighted_sum(float("nan"))
    append_signed(world, write_model(tmp_path / "nan", model, number("amount")))
    one = pod(world, tmp_path / "cache")
    assert not one.poll()
    assert one.serving.not_ready == "the model gives no probability for its reference values"


def test_an_unreachable_registry_leaves_the_model_in_service_and_the_lag_grows(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    with relayed(world.server.uri) as relay:
        one = pod(at(relay.uri, world), tmp_path / "cache")
        assert one.poll()
        relay.go_down()
        time.sleep(0.2)
        assert not one.poll()
        assert one.serving.problem.startswith("reading the ledger: ")
        assert one.count("fraud_swaps_failed_total", reason="unreachable") == 1
        assert one.serving.lag_seconds >= 0.2
        assert one.serving.not_ready == ""
        assert one.serving.source == "registry"
        relay.come_up()
        assert one.poll()
        assert one.serving.problem == ""
        assert one.serving.lag_seconds < 0.2


def test_beyond_the_maximum_lag_it_is_not_ready_until_the_ledger_confirms_the_model(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    log, limit = tmp_path / "log", {"FRAUD_MAX_LAG_SECONDS": "1.5", **QUICK}
    with (
        relayed(world.server.uri) as relay,
        inference_service(relay.uri, world.config, free_port(), log, **limit) as (address, _),
    ):
        wait_for_health(address, 200)
        relay.go_down()
        said = wait_for_health(address, 200, "reading the ledger").json()
        assert said["model_version"] == 1
        said = wait_for_health(address, 503).json()
        assert said["reason"].startswith("the ledger has not confirmed this model for ")
        assert "(FRAUD_MAX_LAG_SECONDS=1.5): reading the ledger: " in said["reason"]
        assert httpx.get(f"{address}/readyz").status_code == 503
        answer = httpx.post(f"{address}/predict", json={"amount": 0.5})
        assert answer.json()["probability"] == 0.125
        relay.come_up()
        assert wait_for_health(address, 200).json()["problem"] == ""


def test_with_polling_off_it_polls_until_the_first_head_is_served(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache", FRAUD_POLL_SECONDS="0")
    one.start()
    wait_until(lambda: "follower" not in {thread.name for thread in threading.enumerate()})
    assert one.version == 1
    assert one.serving.lag_seconds == 0
    assert one.serving.not_ready == ""


def test_a_promotion_is_followed_by_a_running_service_and_so_is_a_rollback(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    service = inference_service(
        world.server.uri, world.config, free_port(), tmp_path / "log", **QUICK
    )
    with service as (address, _):
        wait_for_health(address, 200)
        for expected in (0.375, 0.125):
            if expected == 0.375:
                put_in_force(world, tmp_path, 0.75)
            else:
                rollback(world.client, world.trust, world.signer, 1, ALICE)
            head = world.ledger.head
            assert head
            wait_for_health(address, 200, f'"model_version":{head.version},')
            answer = httpx.post(f"{address}/predict", json={"amount": 0.5}).json()
            assert (answer["probability"], answer["model_version"]) == (expected, head.version)
            assert answer["model_digest"] == head.statement.files["model.onnx"][:12]
        metrics = httpx.get(f"{address}/metrics").text
    assert "fraud_swaps_total 2.0" in metrics
    assert "fraud_model_info{" in metrics


def test_a_key_that_is_revoked_while_it_runs_signs_nothing_more_that_is_served(
    world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    one.poll()
    write_trust(world.config, with_last(world.trust, world.trust.keys[0], 1, revoked=True))
    put_in_force(world, tmp_path, 0.75)
    assert not one.poll()
    assert "is signed past its key's last sequence" in one.serving.problem
    assert (one.version, one.serving.not_ready) == (1, "")


def test_another_ledgers_configuration_is_not_followed(world: World, tmp_path: Path) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")
    one.poll()
    other = create_ledger(tmp_path / "other.yaml", tmp_path / "other.pem")
    write_trust(world.config, other)
    assert not one.poll()
    assert one.serving.problem == (
        f"{world.config} now names another ledger, {other.ledger_id}; "
        "restart the service to follow it"
    )
    assert one.version == 1


def test_an_unexpected_error_is_logged_and_the_next_poll_succeeds(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody expected this")

    with monkeypatch.context() as patched:
        patched.setattr("inference.follower.load_model", fail)
        assert not one.poll()
    assert one.serving.not_ready == "ZeroDivisionError; see the log"
    assert one.count("fraud_swaps_failed_total", reason="error") == 1
    (record,) = (one for one in caplog.records if one.exc_info)
    assert record.getMessage() == "following the ledger failed"
    assert one.poll()
    assert one.serving.not_ready == ""


def test_an_empty_ledger_is_counted_as_such(world: World, tmp_path: Path) -> None:
    one = pod(world, tmp_path / "cache")
    assert not one.poll()
    assert one.count("fraud_swaps_failed_total", reason="empty") == 1
    assert one.serving.not_ready.startswith("nothing is in Production yet")


def test_each_finding_is_logged_once(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put_in_force(world, tmp_path, 0.25)
    version = world.client.get_model_version(PRODUCTION, "1")
    append(world, version.source, version.run_id)
    one = pod(world, tmp_path / "cache")
    with caplog.at_level(logging.WARNING, "inference"):
        for _ in range(3):
            assert one.poll()
    said = [one for one in caplog.messages if "in the ledger" in one]
    assert said == ["in the ledger, version 2 is passed over: it has no statement"]


def test_without_a_model_and_a_registry_it_tries_again_after_a_second_or_less(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = pod(at(NOWHERE, world), tmp_path / "cache")
    one.start()
    wait_until(lambda: sum(said.startswith("not ready: ") for said in caplog.messages) >= 2)
    one.stop()
    wait_until(lambda: "follower" not in {thread.name for thread in threading.enumerate()})
    assert one.count("fraud_swaps_failed_total", reason="unreachable") >= 2


def test_a_plan_is_followed_without_a_swap(world: World, tmp_path: Path) -> None:
    world.plan(world.register())
    one = pod(world, tmp_path / "cache")
    assert not one.poll()
    assert one.serving.problem.startswith("nothing is in Production yet")
    put_in_force(world, tmp_path, 0.25)
    assert one.poll()
    world.plan(world.register(0.9))
    assert one.poll()
    assert (one.version, one.serving.problem) == (2, "")
    assert one.count("fraud_swaps_total") == 0


@pytest.fixture
def long_ledger(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Four models in force, one after another, where a first look lists the newest three only."""
    monkeypatch.setattr("registry.tracking.rest.NEWEST_VERSIONS", 3)
    for weight in (0.1, 0.2, 0.3, 0.4):
        put_in_force(world, tmp_path, weight)
    return world


def test_a_new_pod_serves_the_ledgers_end_and_then_reads_the_whole(
    long_ledger: World, tmp_path: Path
) -> None:
    one = pod(long_ledger, tmp_path / "cache")
    assert one.poll()
    assert (one.version, one.serving.source, one.serving.not_ready) == (4, "checkpoint", "")
    assert list((tmp_path / "cache").rglob("ledger.json")) == []
    model = one.serving.model
    assert one.poll()
    assert (one.serving.model, one.serving.source) == (model, "registry")
    assert len(list((tmp_path / "cache").rglob("ledger.json"))) == 1

    restarted = pod(long_ledger, tmp_path / "cache")
    assert restarted.poll()
    assert restarted.serving.source == "checkpoint"
    put_in_force(long_ledger, tmp_path, 0.5)
    assert restarted.poll()
    assert (restarted.version, restarted.serving.source) == (5, "registry")
    models = list((tmp_path / "cache").rglob("model.onnx"))
    assert len(models) == 2  # that which was served before is kept, others are not


def test_the_whole_is_read_right_after_the_end_also_with_polling_off(
    long_ledger: World, tmp_path: Path
) -> None:
    one = pod(long_ledger, tmp_path / "cache", FRAUD_POLL_SECONDS="0")
    one.start()
    wait_until(lambda: "follower" not in {thread.name for thread in threading.enumerate()})
    assert (one.version, one.serving.source) == (4, "registry")


def test_a_pod_whose_whole_ledger_contradicts_its_end_gives_its_model_up_and_says_so(
    long_ledger: World, tmp_path: Path
) -> None:
    without_first, without_last = (pod(long_ledger, tmp_path / name) for name in ("a", "b"))
    assert without_last.poll()
    newest = long_ledger.client.get_model_version(PRODUCTION, "4")
    long_ledger.client.delete_model_version(PRODUCTION, "4")
    assert not without_last.poll()
    problem = without_last.serving.problem
    assert problem.startswith("the ledger does not extend the remembered tip: entry 4 of ledger ")

    append(long_ledger, newest.source, newest.run_id, newest.tags["statement"])
    put_in_force(long_ledger, tmp_path, 0.5)
    long_ledger.client.delete_model_version(PRODUCTION, "1")
    assert without_first.poll()
    assert without_first.serving.source == "checkpoint"
    for _ in range(2):
        assert not without_first.poll()
        assert "version 2 is broken" in without_first.serving.problem
    assert (without_first.version, without_last.version) == (None, None)
    assert "version 2 is broken" in without_first.serving.not_ready


def test_what_does_not_contradict_the_end_leaves_the_model(
    long_ledger: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = pod(long_ledger, tmp_path / "cache")
    assert one.poll()

    def full(*_: object) -> None:
        raise UsageError("the cache: no space left on device")

    monkeypatch.setattr(Cache, "store", full)
    assert not one.poll()
    assert (one.version, one.serving.source) == (4, "registry")
    put_in_force(long_ledger, tmp_path, 0.5)
    monkeypatch.setattr(Cache, "fetch", lambda *_: {})
    assert not one.poll()
    assert (one.version, one.serving.not_ready) == (4, "")


def test_a_remembered_tip_that_is_not_at_the_ledgers_end_needs_the_whole(
    long_ledger: World, tmp_path: Path
) -> None:
    floor = {"FRAUD_LEDGER_FLOOR": str(Tip.of(long_ledger.ledger))}
    one = pod(long_ledger, tmp_path / "cache", **floor)
    assert one.poll()
    assert one.serving.source == "checkpoint"
    long_ledger.client.delete_model_version(PRODUCTION, "4")
    other = pod(long_ledger, tmp_path / "other", **floor)
    assert not other.poll()
    assert other.serving.not_ready.startswith("the ledger does not extend the remembered tip")


@pytest.mark.parametrize(
    ("setting", "gate", "may"),
    [
        ("answer", "{min_average_precision: 0.2, max_alerts_per_day_to_budget: 4}", True),
        ("refuse", "{min_average_precision: 0.2, max_alerts_per_day_to_budget: 4}", False),
        (
            "answer",
            "{required: false, min_average_precision: 1, max_alerts_per_day_to_budget: 0.01}",
            False,
        ),
        ("answer", "", False),
    ],
)
def test_it_answers_without_history_if_the_setting_says_so_and_the_gate_was_passed(
    world: World, tmp_path: Path, setting: str, gate: str, may: bool
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text() + (f"\n  without_history: {gate}\n" if gate else ""))
    reference, _ = world.evaluate(world.register(), policy)
    link = world.promote(reference, policy=policy)
    one = pod(world, tmp_path / "cache", FRAUD_STORE_AWAY=setting)

    assert one._may_answer_without_history(link) == may
    assert one.poll()


def test_without_its_evidence_a_model_is_served_and_does_not_answer_without_history(
    world: World, tmp_path: Path
) -> None:
    link = world.put_in_production()
    source = link.statement.entry.source.removesuffix("model") + "evidence.json"
    world.server.stored(source).unlink()
    one = pod(world, tmp_path / "cache", FRAUD_STORE_AWAY="answer", FRAUD_FEATURES="service")

    assert not one._may_answer_without_history(link)
    assert one.poll()


def test_a_head_that_waits_for_history_makes_no_lag(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(_: object) -> None:
        raise IncompleteHistory("its windows are not whole")

    put_in_force(world, tmp_path, 0.25)
    one = pod(world, tmp_path / "cache", FRAUD_POLL_SECONDS="30", FRAUD_MAX_LAG_SECONDS="60")
    assert one.poll()
    put_in_force(world, tmp_path, 0.5)
    monkeypatch.setattr(one, "serve", waits)
    monkeypatch.setattr(one.serving, "_confirmed_at", time.monotonic() - 1000)
    assert one.serving.not_ready

    assert not one.poll()

    assert (one.version, one.serving.problem) == (1, "its windows are not whole")
    assert one.serving.not_ready == ""
    assert one.count("fraud_swaps_failed_total", reason="history") == 1

"""`registry watch` on a real ledger: real services, and stand-ins that misbehave."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from deploy.local.processes import free_port, inference_service, status_of, stop
from registry.cli import watch as command
from registry.ledger.chain import Link
from registry.ledger.statement import Statement, sign
from registry.rollout.answers import Served
from registry.rollout.rollout import served
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.registry.cli.commands import BY_BOB, Commands
from tests.registry.rollout.stand_in import StandIn, standing_in
from tests.waiting import wait_until
from tests.world import World

QUICK = ("--minutes", "0", "--interval", "0.1")
SOON = ("--within", "1", *QUICK)


def two_models(world: World) -> tuple[Served, Served]:
    """Two entries by hand, of which the second is the head: what pods of each serve."""
    folder = world.config.parent
    for weight in (0.25, 0.5):
        put_in_force(world, folder, weight)
    before, head = world.ledger.models
    return served(before), served(head)


def actions(world: World) -> list[str]:
    return [link.statement.entry.action for link in world.ledger.chain]


def replace_predecessor(statement: Statement, digest: str) -> Statement:
    entry = statement.entry.model_copy(update={"supersedes": digest})
    return statement.model_copy(update={"entry": entry})


@contextmanager
def failing_pod(world: World) -> Iterator[StandIn]:
    """A stand-in that serves the head from its start on, and fails every second request."""
    _, head = two_models(world)
    with standing_in(head, ok=50, failed=50) as pod:
        yield pod


def test_a_ledger_that_does_not_verify_asks_for_no_rollback(
    run_here: Commands, world: World
) -> None:
    _, head = two_models(world)
    orphan = world.next_promotion("of a ledger that is not this one")
    orphan = replace_predecessor(orphan, "0" * 64)
    entry, tags = orphan.entry, {STATEMENT_TAG: sign(orphan, world.signer)}
    run_id = entry.evidence.run_id
    world.client.create_model_version(PRODUCTION, entry.source, run_id=run_id, tags=tags)
    with standing_in(head) as pod:
        assert run_here("watch", "--pod", pod.address, *QUICK)[0] == 2
    assert run_here.error.startswith("error: the ledger cannot be followed: ")


def test_two_services_take_a_promotion_and_one_that_is_killed_is_missed(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    put_in_force(world, tmp_path, 0.25)

    def service(name: str) -> AbstractContextManager[tuple[str, subprocess.Popen[bytes]]]:
        settings = {"FRAUD_POLL_SECONDS": "0.3", "FRAUD_CACHE": str(tmp_path / f"{name}-cache")}
        log = tmp_path / f"{name}.log"
        return inference_service(world.server.uri, world.config, free_port(), log, **settings)

    with service("one") as (one, _), service("two") as (two, process):
        wait_until(lambda: status_of(f"{one}/readyz") == status_of(f"{two}/readyz") == 200, 60)
        pods = ("--pod", one, "--pod", two)
        put_in_force(world, tmp_path, 0.5)
        code, out = run_here("watch", *pods, *QUICK, "--json")
        assert code == 0, run_here.error
        answer = json.loads(out)
        assert (answer["problem"], answer["rolled_back"]) == (None, None)
        assert answer["head"]["ledger_version"] == 2
        assert [pod["serves_head"] for pod in answer["pods"]] == [True, True]

        stop(process)
        code, _ = run_here("watch", *pods, *SOON)
        assert code == 3
        assert run_here.error == (
            f"error: {two} does not serve the head after 1 s: Connection refused; nothing was "
            "rolled back: see `registry rollback`"
        )


def test_a_pod_that_stays_behind_is_named(run_here: Commands, world: World) -> None:
    old, _ = two_models(world)
    with standing_in(old) as pod:
        code, out = run_here("watch", "--pod", pod.address, *SOON)
    assert code == 3
    assert out.splitlines()[0] == f"0:00 {pod.address}: version 1 ({old.digest[:12]})"
    assert run_here.error.startswith(
        f"error: {pod.address} does not serve the head after 1 s: version 1 "
    )
    assert actions(world) == ["promote", "promote"]


def test_errors_roll_back_once(run_here: Commands, world: World) -> None:
    with failing_pod(world) as pod:
        watch = ("watch", "--pod", pod.address, *QUICK, "--roll-back", *BY_BOB)
        code, out = run_here(*watch)
        problem = (
            f"{pod.address}: errors: 50.00% of 100 requests, too few before; the bound is 1.00% "
            "more"
        )
        assert code == 3
        assert run_here.error == (
            f"error: {problem}; rolled back: version 3: rollback of candidate 11 by github:bob"
        )
        assert out.splitlines()[-2] == (
            "exceeded: errors: 50.00% of 100 requests, too few before; the bound is 1.00% more"
        )
        first, _, back = world.ledger.chain
        assert actions(world) == ["promote", "promote", "rollback"]
        assert back.statement.files == first.statement.files
        entry = back.statement.entry
        assert (entry.approver, entry.comment) == ("github:bob", f"registry watch: {problem}")

        # The pod takes the rollback, and fails all the same: that is not the model's doing.
        pod.served = served(back)
        assert run_here(*watch)[0] == 3
    assert run_here.error.endswith(
        "; rolling back failed: the head is a rollback already; decide where to go from here"
    )
    assert len(world.ledger.chain) == 3


def test_before_is_what_was_counted_since_a_recording(
    run_here: Commands, world: World, tmp_path: Path
) -> None:
    """Until then every request had failed: compared with all of before, 50 % would be fewer."""
    old, head = two_models(world)
    file = str(tmp_path / "before.json")
    with standing_in(old, failed=1000) as pod:
        where = ("watch", "--pod", pod.address)
        away = ("--pod", f"http://127.0.0.1:{free_port()}")
        assert run_here(*where, *away, "--record", file) == (0, f"1 of 2 pods recorded in {file}\n")
        assert run_here.error.endswith(": Connection refused")
        pod.ok, pod.swaps, pod.served = 1000, 1, head
        assert run_here(*where, *QUICK, "--before", file)[1].splitlines()[-3] == (
            "unknown: errors: 0.00% of 0 requests, before 0.00% of 1,000: too few to judge (at "
            "least 100)"
        )
    assert run_here(*where, "--record", file)[0] == 2
    assert run_here.error == "error: no pod answers; check --pod and --pods"


def test_the_reason_of_a_rollback_can_be_given(run_here: Commands, world: World) -> None:
    with failing_pod(world) as pod:
        options = ("--roll-back", *BY_BOB, "--reason", "incident 7", "--json")
        code, out = run_here("watch", "--pod", pod.address, *QUICK, *options)
    answer = json.loads(out)
    assert code == 3
    assert answer["rolled_back"]["comment"] == "incident 7"
    assert answer["problem"].startswith(f"{pod.address}: errors: ")
    assert answer["bounds"][0]["outcome"] == "exceeded"


def test_nothing_is_rolled_back_after_another_entry(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freeze between what the watch last saw and its rollback: somebody has acted already."""
    with failing_pod(world) as pod:
        roll_back = command._roll_back

        def freeze_first(*arguments: object) -> Link:
            assert run_here("freeze", *BY_BOB, "--reason", "stop")[0] == 0
            return roll_back(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(command, "_roll_back", freeze_first)
        assert run_here("watch", "--pod", pod.address, *QUICK, "--roll-back", *BY_BOB)[0] == 3
    assert "; rolling back failed: another entry was appended meanwhile: version 3: freeze" in (
        run_here.error
    )
    assert actions(world) == ["promote", "promote", "freeze"]


def test_another_head_ends_the_watch_without_a_rollback(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = two_models(world)
    with standing_in(old) as pod:
        slept = time.sleep

        def promote_first(seconds: float) -> None:
            if len(world.ledger.chain) == 2:
                put_in_force(world, world.config.parent, 0.75)
            slept(seconds)

        monkeypatch.setattr("registry.rollout.rounds.time.sleep", promote_first)
        assert run_here("watch", "--pod", pod.address, *QUICK, "--roll-back", *BY_BOB)[0] == 3
    assert run_here.error.startswith(
        "error: another entry was put in force meanwhile: version 3: promote"
    )
    assert (
        "; rolling back failed: another entry was appended meanwhile: version 3" in run_here.error
    )
    assert actions(world) == ["promote", "promote", "promote"]


def test_the_first_model_cannot_be_rolled_back(run_here: Commands, world: World) -> None:
    put_in_force(world, world.config.parent, 0.25)
    (head,) = world.ledger.models
    with standing_in(served(head), ok=50, failed=50) as pod:
        assert run_here("watch", "--pod", pod.address, *QUICK, "--roll-back", *BY_BOB)[0] == 3
    assert (
        "; rolling back failed: no other model was in Production before this one" in run_here.error
    )


def test_a_wrong_token_rolls_nothing_back(
    run_here: Commands, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing_pod(world) as pod:
        pod.token = "right"
        monkeypatch.setenv("FRAUD_TOKEN", "secret")
        code, out = run_here("watch", "--pod", pod.address, *QUICK, "--roll-back", *BY_BOB)
    assert (code, len(world.ledger.chain)) == (2, 2)
    assert run_here.error.startswith(f"error: {pod.address} refuses the token for /model")
    assert "secret" not in run_here.error + out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "error: name the pods to follow with --pod or --pods"),
        (("--pod", "10.0.0.7"), "error: --pod takes a pod's address"),
        (("--pods", "a b"), "error: --pods takes the DNS name"),
        (("--pods", "pods.invalid"), "error: there is no pod to follow"),
        (("--pod", "http://a", "--roll-back"), "error: standard input is not a terminal; name the"),
        (
            ("--pod", "http://a", "--roll-back", *BY_BOB, "--signing-key", "file2:/nowhere"),
            "error: the signing key ",
        ),
    ],
)
def test_a_watch_that_cannot_begin_says_why(
    run_here: Commands, world: World, options: tuple[str, ...], said: str
) -> None:
    put_in_force(world, world.config.parent, 0.25)
    assert run_here("watch", *options, *QUICK) == (2, "")
    assert run_here.error.startswith(said)


def test_ctrl_c_on_a_terminal_ends_the_table(world: World) -> None:
    old, _ = two_models(world)
    controller, terminal = pty.openpty()
    with standing_in(old) as pod:
        program = [sys.executable, "-m", "registry", "watch", "--pod", pod.address]
        process = subprocess.Popen(
            [*program, "--interval", "0.1"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=REPOSITORY,
            env={**os.environ, **world.environment, "COLUMNS": "200", "TERM": "xterm"},
        )
        os.close(terminal)
        shown = b""
        while shown.count(b"0 of 1 pods serve version 2") < 3:
            shown += os.read(controller, 65_536)
        process.send_signal(signal.SIGINT)
        try:
            while rest := os.read(controller, 65_536):
                shown += rest
        except OSError:  # the terminal is closed
            pass
        os.close(controller)
        assert process.wait(30) == 130
    assert pod.address.encode() in shown
    assert b"\x1b[?25l" in shown  # the cursor is hidden while the table moves, and shown after it
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"Traceback" not in shown

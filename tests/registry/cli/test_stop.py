"""Signals that end a command: in order, in one line, and with a documented exit code."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from registry.cli.stop import STOPPING, Stopped, stopped_by_signals
from registry.lifecycle.pending import pending
from registry.tracking import candidates
from registry.tracking.names import EVIDENCE_EXPERIMENT
from registry.tracking.rest import Registry
from tests.places import REPOSITORY
from tests.registry.command_line import CommandLine
from tests.registry.kills import signal_after_responses
from tests.waiting import wait_until
from tests.world import World

BY_ALICE = ("--approver", "github:alice")
ADVICE = (
    "; nothing is half-done: look at `registry status`, and run the command again if what it does "
    "is not there yet"
)

IN_A_SESSION = """
import fcntl, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
from registry.cli.main import main
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv[0] = "registry"
main()
"""
"""The command line, with its standard input as the terminal that controls its session."""


def statuses(world: World) -> list[str]:
    """The status of each evidence run, newest first."""
    experiment = world.client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
    if experiment is None:
        return []
    return [str(run.info.status) for run in world.client.search_runs([experiment.experiment_id])]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGUSR1, 138), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_a_command_with_one_line_and_its_code(
    world: World, command_line: CommandLine, number: signal.Signals, code: int
) -> None:
    world.register()
    ended = command_line("stage", "1", prepare=partial(signal_after_responses, 1, number))
    assert ended.code == code
    assert ended.output == f"error: stopped by {number.name}{ADVICE}\n"
    assert command_line("stage", "1").code == 0


def test_a_promotion_stopped_after_any_remote_call_is_finished_by_the_same_command(
    world: World, command_line: CommandLine
) -> None:
    candidate = world.register()
    reference, _ = world.evaluate(candidate)
    candidates.stage(world.client, str(candidate))
    promote = ("promote", reference, *BY_ALICE)
    entries = []
    for call in range(1, 200, 2):
        stop = partial(signal_after_responses, call, signal.SIGHUP)
        ended = command_line(*promote, prepare=stop)
        if ended.code == 0:
            break
        assert ended.code == 129, ended.output
        assert ended.output.endswith(f"error: stopped by SIGHUP{ADVICE}\n")
        assert "Traceback" not in ended.output
        ledger = world.ledger
        assert ledger.findings == ()
        entries.append(len(ledger.chain))
    assert ended.code == 0, ended.output
    assert len(world.ledger.chain) == 1
    assert set(entries) == {0, 1}
    assert candidates.staged(world.client) is None
    assert command_line.verify() == []


def test_an_evaluation_stopped_during_its_upload_leaves_a_failed_run_and_no_temporary_file(
    world: World, command_line: CommandLine, tmp_path: Path
) -> None:
    candidate = str(world.register())
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    evaluate = ("evaluate", candidate, "--rows", str(world.rows))
    seen = list[str]()
    for call in range(1, 200, 6):
        before = len(statuses(world))
        ended = command_line(
            *evaluate,
            prepare=partial(signal_after_responses, call, signal.SIGHUP),
            environment={"TMPDIR": str(temporary)},
        )
        assert list(temporary.glob("evaluate-*")) == []
        after = statuses(world)
        seen += after[: len(after) - before]
        if ended.code == 0:
            break
        assert ended.code == 129, ended.output
        assert ended.output.endswith(f"error: stopped by SIGHUP{ADVICE}\n")
        assert pending(Registry(world.server.uri), None) == []
    assert seen[-1] == "FINISHED"
    assert set(seen[:-1]) == {"FAILED"}
    assert len(pending(Registry(world.server.uri), None)) == 1


def test_a_command_whose_terminal_is_closed_ends_in_order(world: World, tmp_path: Path) -> None:
    """Every write to the terminal fails by then, the message about the signal included."""
    candidate = str(world.register())
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_A_SESSION, "evaluate", candidate, "--rows", str(world.rows)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=REPOSITORY,
        env={**os.environ, **world.environment, "TMPDIR": str(temporary)},
        start_new_session=True,
    )
    os.close(terminal)
    os.read(control, 1)  # its first step has begun
    wait_until(lambda: any(temporary.glob("evaluate-*")))
    os.close(control)  # the kernel sends SIGHUP
    assert process.wait(60) == 129
    assert list(temporary.glob("evaluate-*")) == []


def test_a_signal_that_nohup_ignores_stays_ignored_and_a_second_one_disturbs_nothing() -> None:
    before = {number: signal.getsignal(number) for number in STOPPING}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(Stopped) as stopped:
            _send_hangup_and_twice_usr1()
        assert str(stopped.value) == f"stopped by SIGUSR1{ADVICE}"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send_hangup_and_twice_usr1() -> None:
    with stopped_by_signals():
        os.kill(os.getpid(), signal.SIGHUP)
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
        finally:
            os.kill(os.getpid(), signal.SIGUSR1)


def test_a_second_sigterm_ends_a_command_that_hangs_while_it_tidies_up() -> None:
    program = (
        "import os, signal; from registry.cli.stop import stopped_by_signals\n"
        "with stopped_by_signals():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        signal.pause()"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False, timeout=60)
    assert ended.returncode == -signal.SIGTERM

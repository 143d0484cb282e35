"""`make demo` from end to end, twice, on free ports and in a folder of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.processes import free_port, port_in_use
from tests.places import REPOSITORY
from tests.waiting import wait_until


@dataclass(frozen=True)
class Demo:
    """A demo that has ended: its folder and ports, its exit code, and its output."""

    folder: Path
    ports: tuple[int, int]
    code: int
    output: str
    errors: str


def command(folder: Path, ports: tuple[int, int], *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "deploy.local.demo", "--folder", str(folder), *options),
        *("--mlflow-port", str(ports[0]), "--inference-port", str(ports[1])),
    ]


def demo(folder: Path, ports: tuple[int, int], *options: str) -> Demo:
    ended = subprocess.run(
        command(folder, ports, *options),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Demo(folder, ports, ended.returncode, ended.stdout, ended.stderr)


@contextmanager
def started(folder: Path, ports: tuple[int, int]) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A demo that keeps running, and the file that its output goes to."""
    log = folder / "demo.log"
    folder.mkdir(exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            command(folder, ports, "--yes"),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def processes_of(folder: Path) -> list[str]:
    """The commands of the processes that name this folder in an argument or their environment."""
    commands: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
            if str(folder).encode() in (process / "environ").read_bytes() + arguments:
                commands.append(arguments.replace(b"\0", b" ").decode())
        except OSError:  # it has ended, or belongs to another user
            continue
    return commands


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return demo(folder, (free_port(), free_port()), "--yes", "--once")


def test_the_demo_runs_every_step_and_proves_what_it_shows(first: Demo) -> None:
    assert first.code == 0, first.output + first.errors
    assert "$ mlflow run . --env-manager local --experiment-name fraud-detector" in first.output
    assert "candidate 1 is in Staging" in first.output
    # What is claimed depends on the checkout: its commit may be unsigned, its tree changed.
    assert re.search(r"24 of 24 checks passed(; claimed: [a-z, ]+)?: approve it", first.output)
    waived = "four eyes, a verified approver, a verified origin, a clean tree"
    assert f"not required: {waived}; approver said, not verified" in first.output
    assert "in Production: " in first.output
    assert "approved in the demo with --yes" in first.output
    assert "$ python -m features load --store memory:" in first.output
    equal = (
        "1,000 answers are bit-identical to the signed file's on training's features and name "
        "version 1"
    )
    assert equal in first.output
    assert '"transaction_id": "mine-1"' in first.output
    assert "it stayed unready: " in first.output
    assert "model.onnx was changed" in first.output


def test_the_demo_leaves_no_process_behind(first: Demo) -> None:
    assert processes_of(first.folder) == []
    assert [port_in_use(port) for port in first.ports] == [False, False]


def test_a_second_demo_is_compared_with_the_first_and_ctrl_c_stops_all_of_it(first: Demo) -> None:
    assert first.code == 0, first.output + first.errors
    with started(first.folder, first.ports) as (process, log):
        wait_until(
            lambda: "Press Ctrl-C to stop" in log.read_text() or process.poll() is not None, 200
        )
        output = log.read_text()
        assert process.poll() is None, output
        assert re.search(r"no_worse\.average_precision .* difference [+-][\d.]+, likely ", output)
        assert "candidate 2 is in Staging" in output
        assert f"http://127.0.0.1:{first.ports[1]}/docs" in output
        [typed] = re.findall(r"^\$ (curl .*)$", output, re.MULTILINE)
        answered = subprocess.run(
            ["bash", "-c", typed], capture_output=True, text=True, check=True, timeout=30
        )
        assert json.loads(answered.stdout)["model_version"] == 2
        assert len(processes_of(first.folder)) >= 3
        assert [port_in_use(port) for port in first.ports] == [True, True]

        process.send_signal(signal.SIGINT)
        process.wait(60)

    assert process.returncode == 130
    assert "stopped; `make demo` continues from what it left" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert processes_of(first.folder) == []
    assert [port_in_use(port) for port in first.ports] == [False, False]


def test_a_demo_that_is_terminated_during_training_stops_the_training_too(first: Demo) -> None:
    folder = first.folder
    with started(folder, first.ports) as (process, log):
        wait_until(
            lambda: (
                any(" training train " in command for command in processes_of(folder))
                or process.poll() is not None
            ),
            60,
        )
        assert process.poll() is None, log.read_text()
        time.sleep(0.5)
        process.terminate()
        process.wait(60)

    assert process.returncode == 130
    assert processes_of(folder) == []


@pytest.mark.parametrize(("index", "option"), [(0, "--mlflow-port"), (1, "--inference-port")])
def test_a_port_in_use_is_refused_before_anything_starts(
    tmp_path: Path, index: int, option: str
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ports = [free_port(), free_port()]
        ports[index] = listener.getsockname()[1]
        ended = demo(tmp_path / "demo", (ports[0], ports[1]), "--yes", "--once")

    assert ended.code == 2
    assert ended.errors == (
        f"\nerror: port {ports[index]} is in use; free it, or choose another with {option}\n"
    )
    assert not (tmp_path / "demo").exists()


def test_without_a_terminal_approval_must_be_an_option(tmp_path: Path) -> None:
    ended = demo(tmp_path / "demo", (free_port(), free_port()))

    assert ended.code == 2
    assert ended.errors == "\nerror: there is no terminal to ask for approval; add --yes\n"
    assert not (tmp_path / "demo").exists()

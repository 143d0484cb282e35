"""`python -m batch` on a real registry, beside a real service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from pyarrow import dataset, parquet

from batch import cli
from deploy.local.processes import free_port, inference_service
from tests.batch.heads import tree_bytes, trees
from tests.batch.test_job import rejects_of, rows_of, vectors
from tests.inference.calls import wait_for_health
from tests.inference.models import append_signed, weighted_sum, write_contract_model
from tests.places import REPOSITORY
from tests.world import World


def run(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "batch", *arguments],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **world.environment},
        timeout=120,
        check=False,
    )


def test_it_scores_with_the_model_that_the_service_serves(world: World, tmp_path: Path) -> None:
    append_signed(world, write_contract_model(tmp_path / "model", tree_bytes(), trees().contract))
    source, output = tmp_path / "night.parquet", tmp_path / "scores"
    parquet.write_table(vectors(), source)

    # As the entry point `score` passes its parameters on.
    defaults = ("--history", "", "--label", "", "--max-rejects", "0.1")
    finished = run(world, str(source), str(output), *defaults)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == f"54 rows scored by version 1, 6 rejected: {output}\n"
    assert "60 rows in" in finished.stderr
    found = {row["payment"]: row for row in rows_of(output)}
    rejected = {row["payment"] for row in rejects_of(output)}
    with inference_service(world.server.uri, world.config, free_port(), tmp_path / "log") as (
        address,
        _,
    ):
        wait_for_health(address, 200)
        for row in vectors().to_pylist():
            sent = {name: row[name] for name in ("amount", "age_days", "country")}
            answer = httpx.post(f"{address}/predict", json=sent)
            if row["payment"] in rejected:
                assert answer.status_code == 422
                continue
            expected = answer.json()
            assert {name: found[row["payment"]][name] for name in ("probability", "decision")} == {
                name: expected[name] for name in ("probability", "decision")
            }
    # Bytes that are not those of the statement score nothing.
    head = world.ledger.head
    assert head is not None
    stored = world.server.stored(head.statement.entry.source) / "model.onnx"
    stored.write_bytes(tree_bytes() + b" ")
    damaged = run(world, str(source), str(tmp_path / "others"))
    assert (damaged.returncode, damaged.stdout) == (3, "")
    assert damaged.stderr.splitlines()[-1].startswith("error: the files of ledger version 1")
    assert not (tmp_path / "others").exists()


def test_killed_with_its_process_group_and_run_again_it_gives_each_row_once(
    world: World, tmp_path: Path
) -> None:
    # Of matrices: a part takes about a second.
    model = weighted_sum(1.0, 0.5, 0.25)
    append_signed(world, write_contract_model(tmp_path / "model", model, trees().contract))
    source = tmp_path / "night.parquet"
    parquet.write_table(vectors(300_000), source)
    arguments = (str(source), "--max-rejects", "0.1")
    run(world, arguments[0], str(tmp_path / "whole"), *arguments[1:])
    output = tmp_path / "scores"
    for parts in (1, 2):
        killed = subprocess.Popen(
            [sys.executable, "-m", "batch", arguments[0], str(output), *arguments[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
            env={**os.environ, **world.environment},
            start_new_session=True,
        )
        while len(list(output.glob("part-*"))) < parts and killed.poll() is None:
            time.sleep(0.001)
        os.killpg(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert parts <= len(list(output.glob("part-*"))) < 5

    finished = run(world, arguments[0], str(output), *arguments[1:])

    assert "were scored before" in finished.stderr
    expected = dataset.dataset(tmp_path / "whole").to_table()
    assert dataset.dataset(output).to_table().equals(expected)
    assert len(expected) == 270_000


def code_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["batch", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_a_known_failure_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(tmp_path / "none.yaml")
    arguments = ("a", str(tmp_path / "b"), "--tracking-uri", "http://127.0.0.1:9")

    assert code_of(monkeypatch, *arguments, "--config", config) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
    assert not (tmp_path / "b").exists()


def test_ctrl_c_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "read_trust", interrupted)

    arguments = ("a", str(tmp_path / "b"), "--tracking-uri", "http://127.0.0.1:9")
    assert code_of(monkeypatch, *arguments) == 130
    assert "finished parts are kept; run it again to go on" in capsys.readouterr().err

"""A clock that jumps: durations do not notice, and dates are only what people and evidence read."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from deploy.local.processes import free_port, inference_service
from inference.tokens import new_token
from registry.lifecycle import append
from registry.lifecycle.approval import Approval
from registry.lifecycle.rollback import rollback
from registry.lifecycle.verify import verify
from tests.inference.calls import wait_for_health
from tests.inference.pods import put_in_force
from tests.places import REPOSITORY
from tests.waiting import wait_until
from tests.world import World

DAY = 86_400
DATES = {
    "features/stores/entra.py: time.time": "until when a token is valid, by its own word",
    "inference/history.py: time.time": "whether a transaction is of a time to come",
    "inference/history_upkeep.py: time.time": "what a store without a transaction has to hold",
    "inference/labels.py: time.time": "since when a label is known, where it does not say",
    "inference/smoke.py: datetime.now": "the time of a transaction that is sent as if it was now",
    "inference/model.py: datetime.now": "when a model was loaded, for people",
    "inference/record_spool.py: time.time": "the age of the oldest prediction record, for people",
    "inference/records.py: time.time": "the time of a prediction record",
    "registry/cli/prune.py: datetime.now": "the age of candidates, in days",
    "registry/lifecycle/append.py: datetime.now": "the time of an entry",
    "registry/lifecycle/evaluate.py: datetime.now": "the time of evidence",
    "registry/lifecycle/verified.py: datetime.now": "the age of what `verify` remembers, in days",
    "registry/lifecycle/promote.py: datetime.now": "the age of evidence, in days",
}
"""Where the wall clock is read. All durations are measured by a monotonic clock."""

JUMPING = """
import time
from functools import partial
from pathlib import Path

clock, offset = time.time, Path({offset!r})
time.time = lambda: clock() + float(offset.read_text())
"""


def test_the_wall_clock_is_read_for_dates_alone() -> None:
    found = [
        f"{path.relative_to(REPOSITORY).as_posix()}: {read}"
        for package in ("registry", "inference", "features")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for read in wall_clock_reads(ast.parse(path.read_text()))
    ]
    assert sorted(found) == sorted(DATES)


def wall_clock_reads(module: ast.Module) -> Iterator[str]:
    """The uses of functions of `time` and `datetime` that return the time of day."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{name.name}" for name in node.names if name.name == "time")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            read = f"{node.value.id}.{node.attr}"
            if read in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow"):
                yield read


def test_a_service_whose_clock_jumps_stays_ready_follows_the_ledger_and_reads_new_tokens(
    world: World, tmp_path: Path
) -> None:
    offset, log, tokens = tmp_path / "offset", tmp_path / "log", tmp_path / "tokens"
    offset.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(JUMPING.format(offset=str(offset)))
    put_in_force(world, tmp_path, 0.25)

    def answer(token: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        return httpx.post(f"{address}/predict", json={"amount": 0.5}, headers=headers)

    def is_answered(token: str) -> bool:
        return answer(token).status_code == 200

    token, line = new_token("first")
    tokens.write_text(f"{line}\n")
    service = inference_service(
        world.server.uri,
        world.config,
        free_port(),
        log,
        PYTHONPATH=str(tmp_path),
        FRAUD_AUTH="on",
        FRAUD_TOKENS=str(tokens),
        FRAUD_POLL_SECONDS="0.2",
        FRAUD_MAX_LAG_SECONDS="60",
    )
    with service as (address, _):
        wait_for_health(address, 200)
        for version, days in ((2, 400), (3, -400)):
            offset.write_text(str(days * DAY))
            assert httpx.get(f"{address}/readyz").status_code == 200
            assert is_answered(token)
            put_in_force(world, tmp_path, version / 4)
            said = wait_for_health(address, 200, f'"model_version":{version}').json()
            assert 0 <= said["lag_seconds"] < 60
            token, line = new_token(f"after-{version}")
            tokens.write_text(f"{line}\n")
            wait_until(partial(is_answered, token))
            wait_until(partial(recorded, log, days))
    assert "Traceback" not in log.read_text()


def recorded(log: Path, days: int) -> bool:
    """Whether there is a prediction record whose time is so many days from now."""
    lines = [line for line in log.read_text().splitlines() if '"record":"prediction"' in line]
    jumps = [(json.loads(line)["time"] - time.time()) / DAY for line in lines]
    return any(abs(jump - days) < 1 for jump in jumps)


@pytest.mark.parametrize("days", [-400, 400])
def test_an_entry_made_under_a_wrong_clock_is_followed_by_others_and_verifies(
    world: World, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """No reader consults a clock: the order of entries is that of their links."""
    world.put_in_production(quality=0.9)
    then = datetime.now(UTC) + timedelta(days=days)
    with monkeypatch.context() as wrong:
        wrong.setattr(append, "datetime", SimpleNamespace(now=lambda _: then))
        second = world.put_in_production()
    approval = Approval("github:alice", "false alerts")
    rollback(world.client, world.trust, world.signer, 1, approval)
    assert second.statement.entry.approved_at == then.replace(microsecond=0)
    assert [link.version for link in world.ledger.chain] == [1, 2, 3]
    assert verify(world.client, world.ledger).problems == ()

"""The app in this process, and one real service that the tests of this package share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local.processes import free_port, inference_service
from inference.app import make_service
from inference.settings import read_settings
from registry.ledger.creation import create_ledger
from tests.inference.calls import Caller, RunningService, calling, wait_for_health
from tests.inference.models import raw_model, three_inputs
from tests.world import Server, lasting, new_world


@pytest.fixture(scope="session")
def service(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Its registered models are gone once it is ready, so that other tests find none."""
    folder = tmp_path_factory.mktemp("service")
    with ExitStack() as stack:
        with lasting(new_world(server, folder)) as world:
            head = world.put_in_production()
            address, _ = stack.enter_context(
                inference_service(server.uri, world.config, free_port(), folder / "log")
            )
            wait_for_health(address, 200)
        yield RunningService(address, head)


@pytest.fixture(autouse=True)
def default_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the service's own process; in this one, MLflow's client has set the variable."""
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)


@pytest.fixture
def make_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Caller]]:
    """Makes apps with further settings, named by their variables, as `caller` is one."""
    config = tmp_path / "ledger.yaml"
    create_ledger(config, tmp_path / "key.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("FRAUD_LEDGER_CONFIG", str(config))
    monkeypatch.setenv("FRAUD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FRAUD_AUTH", "off")
    with ExitStack() as stack:

        def make(**variables: str) -> Caller:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            return stack.enter_context(calling(make_service(read_settings())))

        yield make


@pytest.fixture
def caller(make_caller: Callable[..., Caller]) -> Caller:
    """An app that never started to load: what it serves is what a test puts there."""
    return make_caller()


@pytest.fixture
def ready(caller: Caller) -> Caller:
    """It answers amount + age_days / 2, and a quarter more for FR."""
    return caller.serve(three_inputs())


@pytest.fixture
def raw(caller: Caller) -> Caller:
    """It takes transactions, and computes their features with an empty history."""
    return caller.serve(raw_model())

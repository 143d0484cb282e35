"""A pod without its process: what it would serve and report after each poll of the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from inference.cache import Cache
from inference.follower import Follower
from inference.history import Histories
from inference.metrics import Metrics
from inference.model import ServedModel
from inference.serving import Serving
from inference.settings import Settings
from registry.ledger.trust import read_trust
from registry.tracking.rest import Registry
from tests.contracts import number
from tests.inference.models import append_signed, weighted_sum, write_model
from tests.world import World


def settings_of(world: World, cache: Path, **variables: str) -> Settings:
    """The settings of a pod on the test's own ledger; `variables` are environment variables."""
    return Settings.model_validate(
        {
            "MLFLOW_TRACKING_URI": world.server.uri,
            "FRAUD_LEDGER_CONFIG": str(world.config),
            "FRAUD_CACHE": str(cache),
            "FRAUD_AUTH": "off",
            **variables,
        }
    )


class Pod(Follower):
    """A follower that polls when a test calls it, with access to its metrics."""

    def __init__(self, settings: Settings) -> None:
        trust = read_trust(settings.ledger_config, settings.ledger_floor)
        serving = Serving(
            follows=settings.poll_seconds > 0, max_lag_seconds=settings.max_lag_seconds
        )
        self.metrics = Metrics(lambda: 0, lambda: serving.lag_seconds)
        super().__init__(
            settings,
            Registry(settings.tracking_uri, default_retries=0),
            trust,
            Cache(settings.cache, trust.ledger_id),
            serving,
            self.metrics,
            Histories(settings, self.metrics),
        )

    @property
    def version(self) -> int | None:
        """The ledger version that is served."""
        return self.serving.model.version if self.serving.model else None

    def count(self, name: str, **labels: str) -> float:
        """The value of a metric; 0 where it was never counted."""
        return self.metrics.registry.get_sample_value(name, labels) or 0


def pod(world: World, cache: Path, **variables: str) -> Pod:
    """A pod that has not looked yet."""
    return Pod(settings_of(world, cache, **variables))


def put_in_force(world: World, folder: Path, weight: float, padding: bytes = b"") -> None:
    """Append a model that answers weight × amount, with a good signature and without gates."""
    model = write_model(folder / f"weight-{weight}", weighted_sum(weight), number("amount"))
    if padding:
        (model / "padding").write_bytes(padding)
    append_signed(world, model)


def at(uri: str, world: World) -> World:
    """The same ledger, asked for at another address."""
    return replace(world, server=replace(world.server, uri=uri))


def served_head(world: World, cache: Path, **variables: str) -> ServedModel:
    """The head as a pod serves it that has just started."""
    started = pod(world, cache, **variables)
    assert started.poll(), started.serving.problem
    assert started.serving.model
    return started.serving.model

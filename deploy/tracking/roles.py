"""What each role may do on the tracking server, as grants of MLflow's basic auth.

MLflow's levels: READ; EDIT also writes; MANAGE also deletes and passes on; DENY outweighs the rest.
A grant on `registered_model_version` replaces that on the registered model for whatever changes or
deletes one version, on all registered models at once; it allows nothing without READ on the
registered model. Source: `mlflow.server.auth.permissions` and `requirements` of MLflow 3.17.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from registry.tracking.names import (
    CANDIDATES,
    EVIDENCE_EXPERIMENT,
    LIVE_EXPERIMENT,
    PRODUCTION,
    TRAINING_EXPERIMENT,
)

Level = Literal["READ", "EDIT", "MANAGE", "DENY"]

EXPERIMENTS = (TRAINING_EXPERIMENT, EVIDENCE_EXPERIMENT, LIVE_EXPERIMENT)
MODELS = (CANDIDATES, PRODUCTION)
EVERY = "*"
EXPERIMENT, MODEL, VERSION = "experiment", "registered_model", "registered_model_version"


@dataclass(frozen=True)
class Grant:
    """A level on one experiment or registered model, by its name, or on every one of a type."""

    level: Level
    resource_type: str
    name: str = EVERY

    def __str__(self) -> str:
        kind = self.resource_type.replace("_", " ")
        return f"{self.level} on {f'every {kind}' if self.name == EVERY else f'{kind} {self.name}'}"


UNUSED = tuple(
    Grant("DENY", resource_type)
    for resource_type in (
        "prompt",
        "prompt_version",
        "scorer",
        "scorer_version",
        "gateway_secret",
        "gateway_endpoint",
        "gateway_model_definition",
        "mcp_server",
        "mcp_server_version",
    )
)
"""What nothing of ours uses. Without these, every user may create them: with a gateway endpoint,
the server sends requests where its creator says."""

ROLES: Mapping[str, tuple[Grant, ...]] = {
    "trainer": (
        Grant("EDIT", EXPERIMENT, TRAINING_EXPERIMENT),
        Grant("EDIT", MODEL, CANDIDATES),
        Grant("READ", VERSION),
        Grant("READ", EXPERIMENT, EVIDENCE_EXPERIMENT),
        Grant("READ", MODEL, PRODUCTION),
        *UNUSED,
    ),
    "promoter": (
        Grant("EDIT", EXPERIMENT, EVIDENCE_EXPERIMENT),
        Grant("EDIT", MODEL, PRODUCTION),
        # MLflow lets only MANAGE take an alias off, such as `staging`; EDIT on the versions keeps
        # it from deleting candidates, entries, and registered models with their versions.
        Grant("MANAGE", MODEL, CANDIDATES),
        Grant("EDIT", VERSION),
        Grant("READ", EXPERIMENT, TRAINING_EXPERIMENT),
        *UNUSED,
    ),
    "reader": (
        Grant("READ", EXPERIMENT, EVIDENCE_EXPERIMENT),
        Grant("READ", MODEL, PRODUCTION),
        Grant("READ", VERSION),
        *UNUSED,
    ),
    "auditor": (
        # For `python -m monitoring`, which audits what models do in service.
        Grant("EDIT", EXPERIMENT, LIVE_EXPERIMENT),
        Grant("READ", EXPERIMENT),
        Grant("READ", MODEL),
        Grant("READ", VERSION),
        *UNUSED,
    ),
}
"""Who may do what. A right that is not here is taken away."""

"""What a command works with, opened from the options that it shares with other commands."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from registry import SHIPPED_POLICY
from registry.cli.options import (
    DEFAULT_CONFIG,
    DEFAULT_KEY_URI,
    Config,
    Floor,
    Json,
    PolicyFile,
    SigningKey,
    TrackingUri,
)
from registry.ledger.chain import Ledger
from registry.ledger.fold import fold
from registry.ledger.signing import Signer
from registry.ledger.trust import Trust, open_signer, read_trust
from registry.lifecycle.approval import Approval, approvals
from registry.lifecycle.recovery import check_not_lost
from registry.tracking.rest import Registry

if TYPE_CHECKING:
    from registry.tracking.client import MlflowClient


@dataclass(frozen=True)
class Session:
    """The options of a command that reads the ledger; each part is opened on first use.

    MLflow's client is imported then, too: it takes longer than `status` may.
    """

    tracking_uri: TrackingUri = ""
    config: Config = DEFAULT_CONFIG
    floor: Floor = None
    as_json: Json = False

    @cached_property
    def client(self) -> MlflowClient:
        from registry.tracking.client import connect

        return connect(self.tracking_uri)

    @cached_property
    def trust(self) -> Trust:
        if self.tracking_uri:
            check_not_lost(self.registry, self.config)
        return read_trust(self.config, self.floor)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.tracking_uri)

    @cached_property
    def ledger(self) -> Ledger:
        return fold(self.registry.versions(), self.trust)


@dataclass(frozen=True)
class SigningSession(Session):
    """The options of a command that signs an entry."""

    signing_key: SigningKey = DEFAULT_KEY_URI
    policy: PolicyFile = SHIPPED_POLICY

    @cached_property
    def signer(self) -> Signer:
        return open_signer(self.signing_key, self.trust)

    def approvals(self, approver: str | None) -> tuple[Approval, ...]:
        """Who approved this command; `approver` is the value of `--approver`."""
        from registry.evaluation.policy import read_policy

        deployment = read_policy(self.policy).approval_environment
        return approvals(os.environ, approver, deployment, at_terminal=sys.stdin.isatty())


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of its keyword-only parameter `session`, in its place.

    Typer makes the options of a command from the signature of its function; that of the result
    lists the fields of the session's class instead of `session`, with `--json` as the last.
    """
    parameters = inspect.signature(command, eval_str=True).parameters
    session_type = parameters["session"].annotation
    options = dict(inspect.signature(session_type, eval_str=True).parameters)
    options["as_json"] = options.pop("as_json")
    expanded: list[inspect.Parameter] = []
    for parameter in parameters.values():
        expanded += options.values() if parameter.name == "session" else [parameter]

    def run(**arguments: Any) -> None:
        session = session_type(**{name: arguments.pop(name) for name in options})
        command(**arguments, session=session)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in expanded]
    )
    return run

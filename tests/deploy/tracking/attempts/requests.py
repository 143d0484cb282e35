"""Requests that several attempts share."""

from __future__ import annotations

from collections.abc import Callable

from registry.tracking.names import CANDIDATES, PRODUCTION
from tests.deploy.tracking.actor import PROXY, Actor, Facts, Response
from tests.deploy.tracking.team import Team

RELEASE = {"name": PRODUCTION, "version": "1"}
CANDIDATE = {"name": CANDIDATES, "version": "1"}
OVERWRITE = "overwrite a file that Production resolves to"
AJAX_PROXY = PROXY.replace("/api/", "/ajax-api/")


def put(path: Callable[[Facts], str]) -> Callable[[Actor], Response]:
    return lambda actor: actor.put(path(actor.facts))


def post(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, **values)


def change(method: str, path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.change(method, path, **values)


def get(path: str, /, **query: str) -> Callable[[Actor], Response]:
    return lambda actor: actor.get(path, **query)


def on_run(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, run_id=actor.facts.evidence_run, **values)


def in_evidence(path: str, /, **values: object) -> Callable[[Actor], Response]:
    return lambda actor: actor.post(path, experiment_id=actor.facts.evidence, **values)


def own_model(_team: Team, actor: Actor) -> Actor:
    return actor.with_model()

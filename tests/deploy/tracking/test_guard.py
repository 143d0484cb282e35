"""The guard refuses what MLflow lets through, and stands in nobody's way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.tracking.names import CANDIDATES, EVIDENCE_EXPERIMENT
from tests.deploy.tracking.actor import API
from tests.deploy.tracking.attempts import ARTIFACTS, WITHOUT_A_PASSWORD
from tests.deploy.tracking.holes import HOLES
from tests.deploy.tracking.matrix import EVERYONE, Hole, Refusal
from tests.deploy.tracking.team import ADMINISTRATOR, Team

CLOSED = [row for row in HOLES if row.guard]


@pytest.mark.parametrize("row", CLOSED, ids=str)
def test_it_refuses_what_mlflow_lets_through(team: Team, row: Hole) -> None:
    with team.restored():
        prepared = [row.prepare(team, team.actor(user)) for user in row.actors]
        before = team.state()
        answers = [str(row.send(replace(actor, uri=team.guarded_uri))) for actor in prepared]
        after = team.state()

    assert [answer for answer in answers if not answer.startswith(row.guard)] == []
    assert after == before


@pytest.mark.parametrize("row", [*ARTIFACTS, *WITHOUT_A_PASSWORD], ids=str)
def test_what_mlflow_refuses_stays_refused(team: Team, row: Refusal) -> None:
    with team.restored():
        answers = [row.send(team.actor(user, guarded=True)) for user in row.actors]
        after = team.state()

    assert {answer.status for answer in answers} == {int(row.answer[:3])}
    assert after == team.clean


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"[]", "application/json", "the body must be a JSON object"),
        (b'"{}"', "application/json", "the body must be a JSON object"),
        (b"{", "application/json", "the body must be a JSON object"),
        (b"\xff", "application/json", "the body must be a JSON object"),
        (b"[" * 100_000, "application/json", "the body must be a JSON object"),
        (b"{}", "text/plain", "the body must be sent as application/json"),
        (b"{}", "", "the body must be sent as application/json"),
        (b"a=b", "application/x-www-form-urlencoded", "the body must be sent as application/json"),
        (b'{"Name": "x"}', "application/json", "write run_id, not runId"),
        (b'{"name": 5}', "application/json", "only an administrator creates"),
        (b"{}", "application/json", "only an administrator creates"),
    ],
)
def test_it_refuses_a_body_that_could_be_read_in_two_ways(
    team: Team, body: bytes, content_type: str, reason: str
) -> None:
    trainer = team.actor("trainer", guarded=True)

    answer = trainer.send("POST", f"{API}/experiments/create", body, content_type)

    assert str(answer).startswith(f"403 {reason}")


@pytest.mark.parametrize("user", EVERYONE)
def test_only_administrators_fill_the_server_with_a_demonstration(team: Team, user: str) -> None:
    actor = team.actor(user, guarded=True)

    assert actor.post("/ajax-api/3.0/mlflow/demo/generate").status == 403


def test_what_is_there_is_found_by_those_who_would_make_it(team: Team) -> None:
    promoter = team.actor("promoter", guarded=True)

    for path, name in (
        ("experiments/create", EVIDENCE_EXPERIMENT),
        ("registered-models/create", CANDIDATES),
    ):
        assert "RESOURCE_ALREADY_EXISTS" in promoter.post(path, name=name).text


def test_an_administrator_is_not_restricted(team: Team) -> None:
    administrator = team.actor(ADMINISTRATOR, guarded=True)

    with team.restored():
        assert administrator.post("experiments/create", name="new").status == 200
        assert (
            administrator.post(
                "experiments/update", experiment_id=team.facts.training, new_name="renamed"
            ).status
            == 200
        )
        assert administrator.get("users/list").status == 200

"""What each role must not do, and what MLflow lets through; test_rights.py has what each can do."""

from __future__ import annotations

import pytest

from tests.deploy.tracking.attempts import REFUSALS
from tests.deploy.tracking.holes import HOLES
from tests.deploy.tracking.matrix import Hole, Refusal
from tests.deploy.tracking.page import PAGE, page
from tests.deploy.tracking.team import Team, as_the_ledger_says


@pytest.mark.parametrize("row", REFUSALS, ids=str)
def test_mlflow_refuses_it_and_nothing_changes(team: Team, row: Refusal) -> None:
    with team.restored():
        actors = [row.prepare(team, team.actor(user)) for user in row.actors]
        before = team.state()
        answers = [str(row.send(actor)) for actor in actors]
        after = team.state()

    assert [answer for answer in answers if not answer.startswith(row.answer)] == []
    assert after == before


@pytest.mark.parametrize("row", HOLES, ids=str)
def test_mlflow_lets_it_through_and_the_ledger_is_not_deceived(team: Team, row: Hole) -> None:
    for number, user in enumerate(row.actors):
        with team.restored():
            actor = row.prepare(team, team.actor(user))
            before = team.state()
            answer = row.send(actor)
            has_changed = team.state() != before
            verified, pod = as_the_ledger_says(team) if row.verify and not number else ("", "")

        assert answer.status == 200, (user, answer)
        assert has_changed != row.reads
        if row.verify and not number:
            assert row.verify in verified
            assert row.pod in pod


def test_before_any_attempt_the_ledger_is_whole(team: Team) -> None:
    assert as_the_ledger_says(team) == ("1 entries, 0 problems", "serves")


def test_every_hole_has_something_that_closes_it() -> None:
    assert [row for row in HOLES if bool(row.guard) == bool(row.closed_by)] == []


def test_the_page_shows_these_rows() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.deploy.tracking`"

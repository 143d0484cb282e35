"""The main job runs on a team's set-up from training to serving, each step by the user for it."""

from __future__ import annotations

from benchmarks.team import main_job_seconds
from tests.team import team_folder


def test_the_main_job_of_a_team_ends_with_answers_that_are_proven() -> None:
    with team_folder() as folder:
        seconds = main_job_seconds(folder, "--team")

    assert seconds > 0

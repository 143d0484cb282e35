"""How a rollout is shown: the lines of a pipe, and the table of a terminal."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping

import pytest
from rich.console import Console

from registry.cli.rollout_output import Lines, clock, picture, shown, values
from registry.rollout.answers import Answer, NoAnswer, Served
from registry.rollout.counts import Counts
from registry.rollout.judge import Bounds
from registry.rollout.rollout import Plan, Rollout
from tests.registry.entries import A, B, folded, numbered

PLAN = Plan(Bounds(0.01, 2.0, 0.5), within_seconds=60, watch_seconds=300, interval_seconds=5)
HEAD = Served(2, "b" * 64)
SERVING = "1 of 1 pods serve version 2: promote of candidate 4 by github:alice"
BOUNDS = [
    "errors: 0.00% of 0 requests, too few before: too few to judge (at least 100)",
    "decisions: 0.00% of 0 for review, none before: too few to judge (at least 100)",
]


def rollout_of(*rounds: Mapping[str, Answer | NoAnswer]) -> Rollout:
    rollout = Rollout.of(folded(*numbered(A, B)), PLAN, 0.0)
    for second, answers in enumerate(rounds):
        rollout.hear(answers, float(second))
    return rollout


SERVED = {"http://pod": Answer(frozenset({HEAD}), Counter())}


def test_a_pipe_gets_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    lines, rollout = Lines(), rollout_of({"http://pod": NoAnswer("Connection refused")})
    lines(rollout, 1)
    assert capsys.readouterr().out == "0:01 http://pod: Connection refused\n"
    rollout.hear(SERVED, 2)
    lines(rollout, 65)
    assert capsys.readouterr().out.splitlines() == [
        "1:05 http://pod: version 2 (bbbbbbbbbbbb)",
        "1:05 all 1 pods serve the head",
        f"1:05 {SERVING}",
        *(f"1:05 {line}" for line in BOUNDS),
    ]
    rollout.hear(SERVED, 3)
    lines(rollout, 94)
    assert capsys.readouterr().out == ""
    lines(rollout, 95)
    assert capsys.readouterr().out.startswith(f"1:35 {SERVING}\n1:35 errors: ")


def test_json_alone_is_printed_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    rollout = rollout_of(SERVED)
    with shown(as_json=True) as show:
        show(rollout, 1)
    assert capsys.readouterr().out == ""
    answer = values(rollout)
    assert answer["pods"] == [
        {"address": "http://pod", "serves_head": True, "state": "version 2 (bbbbbbbbbbbb)"}
    ]
    assert answer["bounds"][1] == {
        "measure": "decisions",
        "outcome": "unknown",
        "measured": BOUNDS[1].removeprefix("decisions: "),
    }
    assert (answer["problem"], answer["head"]["statement"]) == (None, B.digest)


def test_the_table_has_a_row_for_each_pod_and_escapes_what_it_says() -> None:
    counts: Counts = Counter(
        {("requests", "/predict", "200"): 1234, ("requests", "/predict", "500"): 5}
    )
    answers: dict[str, Answer | NoAnswer] = {
        "http://pod": Answer(frozenset({HEAD}), counts),
        "http://other": NoAnswer("[bold]away[/bold]"),
    }
    screen = io.StringIO()
    Console(file=screen, width=200).print(picture(rollout_of(answers), 65))
    text = screen.getvalue()
    assert "1:05  1 of 2 pods serve version 2" in text
    rows = [re.findall(r"[^\s│]+", line) for line in text.splitlines() if "http://" in line]
    assert rows == [
        ["http://other", "no", "[bold]away[/bold]", "0", "0"],
        ["http://pod", "yes", "version", "2", "(bbbbbbbbbbbb)", "1,239", "5"],
    ]
    assert "unknown" in text
    assert BOUNDS[1] in text


def test_a_clock_shows_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0, 9.9, 60, 3605)] == ["0:00", "0:09", "1:00", "60:05"]

"""What people read: every word of the record, as it was written."""

from __future__ import annotations

import pytest

from registry import show
from registry.ledger import Finding, Ledger, Link
from tests.conftest import World
from tests.registry.entries import TRUST, promote

HOSTILE = "see [jira] [/x] [red]all is well[/red]"


def test_an_entry_is_shown_with_everything_that_it_says() -> None:
    values = show.entry_values(Link(3, promote("a")))
    assert values == {
        "ledger_version": 3,
        "statement": promote("a").digest,
        "ledger_id": TRUST.ledger_id,
        "sequence": 1,
        "supersedes": None,
        "action": "promote",
        "source": "mlflow-artifacts:/1/a/artifacts/model",
        "candidate": {"version": 4, "run_id": "c0ffee"},
        "evidence": {"run_id": "beef", "sha256": "e" * 64},
        "policy": {"name": "default", "sha256": "f" * 64},
        "approver": "github:alice",
        "approved_at": "2026-05-04T03:02:01Z",
        "comment": "fewer false alerts – Müller",
        "url": "https://example.com/approvals/1",
        "files": {"model.onnx": "a" * 64},
    }


def test_the_history_shows_each_entry_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show.history(Ledger((Link(1, promote("a")), Link(2, promote("b", promote("a")))), ()))
    lines = [line for line in capsys.readouterr().out.splitlines() if "github:alice" in line]
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    assert cells == [
        [
            version,
            "2026-05-04T03:02:01Z",
            "promote",
            "4",
            "github:alice",
            "default",
            "fewer false alerts – Müller",
            "beef@eeeeeeeeeeee",
        ]
        for version in ("1", "2")
    ]


def test_the_history_shows_what_is_not_in_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    show.history(Ledger((), (Finding(7, "void", "version 6 won"),)))
    assert "not in the chain: version 7 is void: version 6 won" in capsys.readouterr().out


def test_the_history_shows_comments_as_they_were_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    link = Link(1, promote("a", comment=HOSTILE, approver=f"github:{HOSTILE}"))
    show.history(Ledger((link,), ()))
    assert capsys.readouterr().out.count(HOSTILE) == 2


def test_the_history_shows_findings_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show.history(Ledger((), (Finding(1, "passed over", HOSTILE),)))
    assert HOSTILE in capsys.readouterr().out


def test_verdicts_are_shown_with_the_way_on(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _, good = world.evaluate(world.register())
    _, bad = world.evaluate(world.register(quality=0.0))
    show.verdicts(good)
    assert "all gates passed: approve it with `registry promote`" in capsys.readouterr().out
    show.verdicts(bad)
    out = capsys.readouterr().out
    assert "Candidate 2 under policy test" in out
    assert "1 of 4 gates failed: it cannot be promoted" in out
    (line,) = (line for line in out.splitlines() if "floor.average_precision" in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [
        "floor.average_precision",
        "average precision is at least 0.5",
        "0.2585",
        "0.5",
        "FAILED",
        "",
    ]


def test_notes_and_names_of_a_verdict_are_shown_as_they_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _, evidence = world.evaluate(world.register())
    verdict = evidence.verdicts[0].model_copy(update={"note": HOSTILE})
    policy = evidence.policy.model_copy(update={"name": "[/x]"})
    show.verdicts(evidence.model_copy(update={"verdicts": (verdict,), "policy": policy}))
    out = capsys.readouterr().out
    assert HOSTILE in out
    assert "under policy [/x]" in out

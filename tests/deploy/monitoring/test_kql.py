"""The queries for Azure's logs ask for tables, columns and fields that there are.

No program here runs them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import pytest

from inference.logs import JsonLines
from registry.model.record import PredictionRecord
from tests.places import REPOSITORY

QUERIES = sorted((REPOSITORY / "deploy" / "monitoring" / "kql").glob("*.kql"))
COLUMNS = {
    "ContainerLogV2": {"LogMessage", "LogSource", "PodName", "PodNamespace", "TimeGenerated"},
    "KubeEvents": {
        *("Count", "KubeEventType", "LastSeen", "Message", "Name", "Namespace", "ObjectKind"),
        "Reason",
    },
}
"""Of Azure Monitor's tables, what a query of ours reads (their reference on Microsoft Learn)."""
FIELDS = {"time", "level", "logger", "message", "request_id", "caller", "error"}


def logged(message: str) -> dict[str, str]:
    """A line as a pod writes it, with all fields that it may have."""
    try:
        raise RuntimeError
    except RuntimeError:
        record = logging.LogRecord(
            *("inference", logging.ERROR, "", 0, message, (), sys.exc_info())
        )
    record.request_id, record.caller = "r", "alice"
    line: dict[str, str] = json.loads(JsonLines().format(record))
    return line


def code(query: Path) -> str:
    """Without comments and strings."""
    text = re.sub("^//.*$", "", query.read_text(), flags=re.MULTILINE)
    return re.sub('@?".*?"', '""', text)


def patterns(name: str) -> list[str]:
    [query] = [one for one in QUERIES if one.stem == name]
    return re.findall('@"(.*?)"', query.read_text())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_a_query_says_what_it_shows_and_reads_what_there_is(query: Path) -> None:
    assert query.read_text().startswith("// ")
    assert logged("x").keys() == FIELDS
    fields = set(re.findall(r"\bline\.(\w+)", code(query)))
    assert fields - FIELDS - PredictionRecord.__annotations__.keys() == set()

    [table] = re.findall(r"^(\w+)$", code(query), re.MULTILINE)
    assert f'"Microsoft-{table}"' in (REPOSITORY / "terraform" / "monitoring.tf").read_text()
    columns = set(re.findall(r"\b[A-Z]\w+", code(query))) - {table}
    assert columns
    assert columns - COLUMNS[table] == set()


def messages(module: str) -> list[str]:
    """What a module of the service logs, before its arguments are put in."""
    source = (REPOSITORY / "inference" / f"{module}.py").read_text()
    return re.findall(r'log\.\w+\("(.*?)"', source)


def test_the_line_of_a_failed_request_is_recognized() -> None:
    assert "%s %s: %d" in messages("guard")
    line = "%s %s: %d" % ("POST", "/predict", 422)  # noqa: UP031 (as `logging` does it)

    request, status = patterns("failed_requests")
    assert re.findall(request, line) == ["POST /predict"]
    assert re.findall(status, line) == ["422"]


def test_what_pods_say_of_models_is_recognized() -> None:
    [pattern] = patterns("models")

    beginnings = {found[0] for one in messages("follower") if (found := re.match(pattern, one))}
    assert beginnings == {
        *("serving", "not ready", "keeping the served model", "started from the cache"),
        "in the ledger",
    }

"""One GET of a JSON document: what is parsed, and how failures are told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from registry.errors import NotFound, Unreachable
from registry.provenance import web
from registry.provenance.web import get_json
from tests.registry.ci_systems import CiSystem, ci_system


@pytest.fixture
def api() -> Iterator[CiSystem]:
    with ci_system() as system:
        yield system


def get(api: CiSystem, not_found: str = "") -> Any:
    return get_json(
        f"{api.uri}/a",
        lambda document: document["b"],
        problem="no answer",
        advice="ask again",
        not_found=not_found,
    )


def test_the_document_is_parsed(api: CiSystem) -> None:
    api.answer("/a", {"b": 1})
    assert get(api) == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [(200, "[]", "list indices must be"), (200, "{}", "'b'"), (200, "x", ""), (500, "", "500 ")],
)
def test_any_other_answer_is_unreachable(
    api: CiSystem, status: int, body: str, reason: str
) -> None:
    api.answers["/a"] = (status, body)
    with pytest.raises(Unreachable, match=f"^no answer: {reason}.*; ask again$"):
        get(api)


def test_a_status_of_404_is_told_apart_where_it_means_something(api: CiSystem) -> None:
    with pytest.raises(NotFound, match=r"^there is none$"):
        get(api, not_found="there is none")
    with pytest.raises(Unreachable, match=r"^no answer: 404 .*; ask again$"):
        get(api)


def test_a_reason_is_short_and_on_one_line(api: CiSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MAX_REASON", 10)
    api.answers["/a"] = (500, "")
    with pytest.raises(Unreachable, match=r"^no answer: .{10}; ask again$"):
        get(api)

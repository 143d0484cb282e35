"""The guard in front of the fast path and of the framework, called in this process."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.guard import MAX_PAGE_REQUESTS, request_id
from inference.transaction import InvalidTransaction
from tests.inference.calls import ALICE, BOB, Answer, Caller, ask, pieces
from tests.inference.models import FULL, three_inputs

BODY = json.dumps(FULL).encode()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACE_PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
MADE = re.compile(r"[0-9a-f]{32}")
PROBES = ["/livez", "/readyz", "/healthcheck", "/ping", "/v2/health/live", "/v2/health/ready"]
PAGES = ["/", "/docs", "/openapi.json"]
BOTH_PATHS = pytest.mark.parametrize("query", [b"", b"x=1"], ids=["fast path", "route"])


@pytest.fixture
def with_tokens(make_caller: Callable[..., Caller], tmp_path: Path) -> Caller:
    """It answers alice and bob, and /metrics to bob alone."""
    (tmp_path / "tokens").write_text(f"{ALICE}\n")
    (tmp_path / "metrics").write_text(f"{BOB}\n")
    return make_caller(
        FRAUD_AUTH="on",
        FRAUD_TOKENS=str(tmp_path / "tokens"),
        FRAUD_METRICS_TOKENS=str(tmp_path / "metrics"),
    ).serve(three_inputs())


# Request ids


@pytest.mark.parametrize("given", ["payment-4711", "A" * 128, "a._:/+=@-Z9"])
def test_a_callers_own_request_id_is_kept(given: str) -> None:
    assert request_id(given.encode(), TRACE_PARENT.encode()) == given


@pytest.mark.parametrize(
    "given",
    [b"", b"A" * 129, b"a b", b"a\n", b"a\r\nset-cookie: x=1", b"<script>", b'"', b"\xff", b"\x00"],
)
def test_a_hostile_request_id_is_not_repeated(given: bytes) -> None:
    assert MADE.fullmatch(request_id(given, None))
    assert request_id(given, TRACE_PARENT.encode()) == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00-0" + b"0" * 31 + b"-00f067aa0ba902b7-01",
        TRACE_PARENT.upper().encode(),
        TRACE_PARENT[:-1].encode(),
        TRACE_PARENT.encode() + b"\n",
        b"x" * 55,
    ],
)
def test_an_invalid_trace_context_is_not_used_as_request_id(parent: bytes) -> None:
    made = request_id(None, parent)
    assert MADE.fullmatch(made)
    assert made != TRACE
    assert made != "0" * 32


def test_two_requests_without_an_id_get_two() -> None:
    assert request_id(None, None) != request_id(None, None)


@BOTH_PATHS
def test_the_request_id_is_in_the_header_and_in_the_answer(query: bytes, ready: Caller) -> None:
    for headers, expected in (
        ([(b"x-request-id", b"mine"), (b"traceparent", TRACE_PARENT.encode())], "mine"),
        ([(b"traceparent", TRACE_PARENT.encode())], TRACE),
    ):
        answer = ready.ask(BODY, query=query, headers=headers)
        assert answer.header(b"x-request-id") == expected.encode()
        assert answer.json()["request_id"] == expected
    made = ready.ask(BODY, query=query)
    assert MADE.fullmatch(made.json()["request_id"])
    assert made.header(b"x-request-id") == made.json()["request_id"].encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(given=st.binary(max_size=140) | st.text("abc.-_:/+=@ <\n", max_size=9).map(str.encode))
def test_any_request_id_gives_a_safe_header(given: bytes, ready: Caller) -> None:
    answer = ready.ask(b"", path="/livez", method="GET", headers=[(b"x-request-id", given)])
    said = answer.header(b"x-request-id") or b""
    assert re.fullmatch(rb"[A-Za-z0-9._:/+=@-]{1,128}", said)
    if re.fullmatch(rb"[A-Za-z0-9._:/+=@-]{1,128}", given):
        assert said == given
    else:
        assert MADE.fullmatch(said.decode())


# Headers


def headers_of(answer: Answer) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.headers}


@pytest.mark.parametrize("path", PAGES)
def test_pages_forbid_the_browser_to_fetch_from_elsewhere(path: str, ready: Caller) -> None:
    answer = headers_of(ready.ask(b"", path=path, method="GET"))
    assert answer["content-security-policy"] == (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; worker-src blob:; base-uri 'none'; frame-ancestors 'none'"
    )
    assert answer["referrer-policy"] == "no-referrer"
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"),
        ("GET", "/predict"),
        ("POST", "/predict/batch"),
        ("GET", "/model"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
        ("GET", "/livez"),
        ("POST", "/invocations"),
        ("GET", "/v2"),
    ],
)
def test_every_answer_forbids_guessing_its_type_and_names_no_server(
    method: str, path: str, ready: Caller
) -> None:
    answer = headers_of(ready.ask(BODY, path=path, method=method))
    assert answer["x-content-type-options"] == "nosniff"
    assert MADE.fullmatch(answer["x-request-id"])
    assert answer.get("cache-control") == ("no-store" if method == "GET" else None)
    assert "server" not in answer
    assert "content-length" in answer


@BOTH_PATHS
def test_before_it_stops_it_asks_callers_to_close_their_connections(
    query: bytes, ready: Caller
) -> None:
    assert ready.ask(BODY, query=query).header(b"connection") is None
    ready.app.follower.serving.draining = True
    answer = ready.ask(BODY, query=query)
    assert (answer.status, answer.header(b"connection")) == (200, b"close")


# Tokens


PROTECTED = [
    ("POST", "/predict", b""),
    ("POST", "/predict", b"explain=true"),
    ("POST", "/predict/batch", b""),
    ("POST", "/invocations", b""),
    ("POST", "/v2/models/fraud-detector-production/infer", b""),
    ("GET", "/v2/models/fraud-detector-production", b""),
    ("GET", "/v2", b""),
    ("GET", "/model", b""),
    ("GET", "/metrics", b""),
    ("GET", "/nothing", b""),
    ("GET", "/livez/", b""),
    ("GET", "/docs/", b""),
    ("GET", "//livez", b""),
    ("OPTIONS", "/predict", b""),
]


@pytest.mark.parametrize(("method", "path", "query"), PROTECTED)
def test_without_a_known_token_the_answer_is_401(
    method: str, path: str, query: bytes, with_tokens: Caller
) -> None:
    for header in (b"", b"Bearer carol", b"Basic YWxpY2U6", b"Bearer "):
        headers = [(b"authorization", header)] if header else []
        answer = with_tokens.ask(BODY, path=path, method=method, query=query, headers=headers)
        assert answer.status == 401
        assert answer.header(b"www-authenticate") == b"Bearer"
        assert answer.json()["detail"].startswith("a bearer token is required: `Authorization: ")


def test_a_request_that_is_refused_is_not_read(with_tokens: Caller) -> None:
    """Nothing arrives after the headers, and the answer does not wait for it."""
    assert with_tokens.run(ask(with_tokens.app, [])).status == 401


@pytest.mark.parametrize("path", [*PROBES, *PAGES, "/static-offline-docs/redoc.standalone.js"])
def test_probes_and_pages_need_no_token(path: str, with_tokens: Caller) -> None:
    assert with_tokens.get(path).status_code == 200


def test_a_known_token_is_answered(with_tokens: Caller) -> None:
    answer = with_tokens.post("/predict", FULL, authorization="Bearer alice")
    assert answer.status_code == 200
    assert with_tokens.get("/model", authorization="Bearer alice").status_code == 200


def test_metrics_take_their_own_tokens_and_no_others(with_tokens: Caller) -> None:
    assert with_tokens.get("/metrics", authorization="Bearer alice").status_code == 401
    assert with_tokens.get("/metrics", authorization="Bearer bob").status_code == 200
    assert with_tokens.post("/predict", FULL, authorization="Bearer bob").status_code == 401


def test_without_a_file_of_their_own_metrics_take_the_usual_tokens(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text(ALICE)
    caller = make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tmp_path / "tokens"))
    assert caller.get("/metrics").status_code == 401
    assert caller.get("/metrics", authorization="Bearer alice").status_code == 200


def test_metrics_may_have_tokens_where_nothing_else_has(
    make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    (tmp_path / "metrics").write_text(BOB)
    caller = make_caller(FRAUD_METRICS_TOKENS=str(tmp_path / "metrics"))
    caller.serve(three_inputs())
    assert caller.get("/metrics").status_code == 401
    assert caller.predict(FULL).status_code == 200


@pytest.mark.parametrize(("method", "path", "query"), PROTECTED)
def test_without_tokens_only_loopback_is_answered(
    method: str, path: str, query: bytes, ready: Caller
) -> None:
    """Also where uvicorn or gunicorn listens on another address than FRAUD_HOST."""
    arguments: dict[str, Any] = {"path": path, "method": method, "query": query}
    for address in ("10.1.2.3", "0.0.0.0", "::ffff:10.1.2.3", "fraud.example"):  # noqa: S104
        answer = ready.ask(BODY, server=(address, 8000), **arguments)
        assert answer.status == 403
        assert answer.json() == {
            "detail": "with FRAUD_AUTH=off only requests on loopback are allowed; set FRAUD_TOKENS"
        }
    for own in (("127.0.0.1", 8000), ("::1", 8000), None):
        assert ready.ask(BODY, server=own, **arguments).status != 403


@pytest.mark.parametrize("path", PROBES)
def test_without_tokens_probes_are_answered_on_every_address(path: str, ready: Caller) -> None:
    assert ready.ask(b"", path=path, method="GET", server=("10.1.2.3", 8000)).status == 200


# Time and number


@pytest.fixture
def hurried(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller(FRAUD_REQUEST_SECONDS="0.2").serve(three_inputs())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/predict", b""),
        ("/predict", b"x=1"),
        ("/predict/batch", b""),
        ("/invocations", b""),
        ("/v2/models/fraud-detector-production/infer", b""),
    ],
)
@pytest.mark.parametrize("begun", [[], pieces(b'{"amount"', more=True)], ids=["nothing", "a part"])
def test_a_body_that_does_not_arrive_in_time_gets_a_408(
    begun: list[Any], path: str, query: bytes, hurried: Caller
) -> None:
    answer = hurried.run(ask(hurried.app, begun, path=path, query=query))
    assert answer.status == 408
    assert answer.json() == {"detail": "the body did not arrive in time"}
    assert answer.header(b"x-content-type-options") == b"nosniff"
    assert hurried.ask(BODY).status == 200


def test_work_that_takes_too_long_gets_a_503(
    hurried: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(_: bytes) -> list[Any]:
        time.sleep(0.6)
        raise InvalidTransaction.of_body("late", "not returned")

    monkeypatch.setattr(hurried.model.reader, "read_batch", slowly)
    answer = hurried.ask(BODY, path="/predict/batch")
    assert answer.status == 503
    assert answer.json() == {"detail": "the request took too long"}
    assert answer.header(b"retry-after") == b"1"


async def with_others_in_flight(caller: Caller, count: int, **asked: Any) -> Answer:
    """What one more request gets while others still send their bodies."""
    others = [
        asyncio.create_task(ask(caller.app, pieces(b"{", more=True), query=query))
        for query, _ in zip((b"", b"x=1"), range(count), strict=False)
    ]
    await asyncio.sleep(0.01)
    try:
        return await ask(caller.app, pieces(BODY), **asked)
    finally:
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def narrow(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller(FRAUD_IN_FLIGHT="2").serve(three_inputs())


@BOTH_PATHS
def test_one_request_more_than_can_be_served_gets_a_503(query: bytes, narrow: Caller) -> None:
    assert narrow.run(with_others_in_flight(narrow, 1, query=query)).status == 200
    busy = narrow.run(with_others_in_flight(narrow, 2, query=query))
    assert busy.status == 503
    assert busy.json() == {"detail": "too many concurrent requests"}
    assert busy.header(b"retry-after") == b"1"
    assert narrow.ask(BODY, query=query).status == 200


@BOTH_PATHS
def test_one_caller_of_several_leaves_a_quarter_to_the_others(
    query: bytes, make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{ALICE}\n{BOB}\n")
    caller = make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tokens), FRAUD_IN_FLIGHT="4")
    caller.serve(three_inputs())
    alice, bob = ([(b"authorization", b"Bearer " + name)] for name in (b"alice", b"bob"))

    async def beside(count: int) -> list[int]:
        """What alice, bob and alice get while alice has so many requests in flight."""
        app = caller.app
        others = [
            asyncio.create_task(ask(app, pieces(b"{", more=True), query=query, headers=alice))
            for _ in range(count)
        ]
        await asyncio.sleep(0.01)
        answers = [
            await ask(app, pieces(BODY), query=query, headers=one) for one in (alice, bob, alice)
        ]
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return [answer.status for answer in answers]

    assert caller.run(beside(2)) == [200, 200, 200]
    assert caller.run(beside(3)) == [503, 200, 503]
    assert caller.run(beside(2)) == [200, 200, 200]
    tokens.write_text(f"{ALICE}\n")
    caller.app.guard.reload_tokens()
    assert caller.run(beside(3)) == [200, 401, 200]


@pytest.mark.parametrize("path", PROBES)
def test_probes_are_answered_under_overload(path: str, narrow: Caller) -> None:
    asked = with_others_in_flight(narrow, 2, path=path, method="GET")
    assert narrow.run(asked).status == 200


@pytest.mark.parametrize("path", ["/docs", "/static-offline-docs/swagger-ui-bundle.js"])
def test_pages_have_their_own_share_of_requests(path: str, narrow: Caller) -> None:
    """Their readers, who need no token, cannot use up that of predictions, nor these theirs."""

    async def read_nothing(_: Any) -> None:
        await asyncio.Event().wait()

    async def answers() -> tuple[Answer, Answer]:
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        scope |= {
            "http_version": "1.1",
            "scheme": "http",
            "raw_path": path.encode(),
            "root_path": "",
        }
        readers = [
            asyncio.create_task(narrow.app(dict(scope), asyncio.Event().wait, read_nothing))  # type: ignore[arg-type]
            for _ in range(MAX_PAGE_REQUESTS)
        ]
        await asyncio.sleep(0.01)
        page = await ask(narrow.app, pieces(b""), method="GET", path=path)
        prediction = await ask(narrow.app, pieces(BODY))
        for one in readers:
            one.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        return page, prediction

    page, prediction = narrow.run(answers())
    assert prediction.status == 200
    assert (page.status, page.header(b"retry-after")) == (503, b"1")
    assert page.json() == {"detail": "too many concurrent requests for the documentation"}
    assert narrow.get(path).status_code == 200
    assert narrow.run(with_others_in_flight(narrow, 2, path=path, method="GET")).status == 200


@BOTH_PATHS
def test_a_request_that_its_server_cancels_is_no_longer_in_flight(
    query: bytes, narrow: Caller
) -> None:
    async def cancel() -> None:
        waiting = asyncio.create_task(ask(narrow.app, [], query=query))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    for _ in range(3):
        narrow.run(cancel())
    assert narrow.ask(BODY, query=query).status == 200
    assert narrow.samples()["fraud_requests_in_flight"] == 1  # the one that reads this


# Failures


@pytest.mark.parametrize(("path", "query"), [("/predict", b""), ("/predict", b"x=1")])
def test_an_internal_error_is_logged_with_its_request_id_and_not_returned(
    path: str,
    query: bytes,
    ready: Caller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: bytes) -> list[Any]:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(ready.model.reader, "read", fail)
    answer = ready.ask(BODY, path=path, query=query, headers=[(b"x-request-id", b"mine")])
    assert answer.status == 500
    assert answer.json() == {
        "detail": "internal error; the log has the details under the request id"
    }
    assert answer.header(b"content-type") == b"application/json"
    assert answer.header(b"x-request-id") == b"mine"
    (error,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert error.__dict__["request_id"] == "mine"
    assert "hunter2" in caplog.text
    monkeypatch.undo()
    assert ready.samples()["fraud_requests_total{route=/predict,status=500}"] == 1


# Counting and logging


def test_unknown_paths_are_counted_under_one_label(ready: Caller) -> None:
    for path in ("/nothing", "/predict/", "/v2/models/a", "/v2/models/b/infer", "/%00"):
        ready.get(path)
    routes = {
        found[1]
        for name in ready.samples()
        if (found := re.fullmatch(r"fraud_requests_total\{route=(.*),status=.*", name))
    }
    assert routes == {"(other)"}


def test_each_route_is_counted_under_its_path(ready: Caller) -> None:
    ready.ask(BODY)
    ready.ask(BODY, query=b"explain=true")
    ready.post("/v2/models/fraud-detector-production/infer", {})
    ready.get("/readyz")
    read = ready.samples()
    assert read["fraud_requests_total{route=/predict,status=200}"] == 2
    assert read["fraud_request_seconds_count{route=/predict}"] == 2
    infer = "route=/v2/models/fraud-detector-production/infer"
    assert read[f"fraud_requests_total{{{infer},status=400}}"] == 1
    assert read["fraud_requests_total{route=/readyz,status=200}"] == 1


@BOTH_PATHS
def test_what_is_refused_is_logged_with_its_id_and_what_is_answered_is_not(
    query: bytes, ready: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "inference"):
        ready.ask(BODY, query=query)
        assert caplog.records == []
        ready.ask(b"secret", query=query, headers=[(b"x-request-id", b"mine")])
    (record,) = caplog.records
    assert record.getMessage() == "POST /predict: 422"
    assert record.__dict__["request_id"] == "mine"

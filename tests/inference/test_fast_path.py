"""The fast path sends exactly the response of the documented route, for the same bytes.

An ignored query string forces the route: the fast path takes only requests without one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from tests.inference.calls import ALICE, DISCONNECTED, Answer, Caller, ask, pieces
from tests.inference.models import FULL, served, three_inputs

BODY = json.dumps(FULL).encode()
ROUTE = b"x=1"
ID = (b"x-request-id", b"the-same")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
transactions = st.fixed_dictionaries(
    {
        "amount": st.floats(-10, 10) | st.integers(-10, 10),
        "age_days": st.none() | st.floats(-10, 10) | json_values,
        "country": st.sampled_from(["DE", "FR", "XX"]) | json_values,
    },
    optional={"colour": json_values},
)


def both(caller: Caller, messages: list[Message], *headers: tuple[bytes, bytes]) -> Answer:
    """The answer, after asserting that fast path and route send the same bytes."""
    asked = {"headers": [ID, *headers]}
    by_fast_path = caller.run(ask(caller.app, messages, **asked))  # type: ignore[arg-type]
    by_route = caller.run(ask(caller.app, messages, query=ROUTE, **asked))  # type: ignore[arg-type]
    assert by_fast_path == by_route
    return by_fast_path


def test_the_fast_path_answers_without_a_query_and_the_route_with_one(
    ready: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise, the other tests of this file would compare the route with itself."""
    framework = ready.app.framework
    stack, reached = framework.build_middleware_stack(), list[str]()

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await stack(scope, receive, send)

    monkeypatch.setattr(framework, "middleware_stack", recorded)
    assert ready.ask(BODY).status == 200
    assert reached == []
    assert ready.ask(BODY, query=ROUTE).status == 200
    assert reached == ["/predict"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (BODY, 200),
        (b" " + BODY + b"\n", 200),
        (b'{"amount": 9, "age_days": null, "country": null}', 200),
        (b"", 422),
        (b"{}", 422),
        (b"[]", 422),
        (b"\xff", 422),
        (b'{"amount": NaN, "age_days": 1, "country": "FR"}', 422),
        (b'{"amount": 1, "amount": "x", "age_days": 1, "country": "FR"}', 422),
        (b'{"amount": ' + b"[" * 100_000, 422),
        (b'{"amount": 3e38, "age_days": 3e38, "country": "FR"}', 422),
        (json.dumps({str(number): 0 for number in range(1500)}).encode(), 422),
        (BODY.ljust(1_048_576), 200),
        (BODY.ljust(1_048_577), 413),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_good_bad_and_too_large_bodies_get_the_same_answer(
    body: bytes, status: int, caller: Caller
) -> None:
    inputs = three_inputs().contract.inputs
    caller.serve(served(*inputs, weights=(1.0, 2.0, 0.25)))
    assert both(caller, pieces(body)).status == status


def test_the_bytes_of_a_response(ready: Caller) -> None:
    answer = both(ready, pieces(BODY))
    body = (
        '{"probability":0.75,"decision":"review","threshold":0.5,"model_version":7,'
        f'"model_digest":"{ready.model.digest[:12]}","request_id":"the-same"}}'
    ).encode()
    assert answer == Answer(
        200,
        [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", b"the-same"),
            (b"x-content-type-options", b"nosniff"),
        ],
        body,
    )


def test_a_body_in_pieces_is_the_body_in_one(ready: Caller) -> None:
    whole = both(ready, pieces(BODY))
    for parts in (
        [BODY[:1], BODY[1:]],
        [b"", BODY, b""],
        [bytes([one]) for one in BODY],
    ):
        assert both(ready, pieces(*parts)) == whole


@pytest.mark.parametrize(
    "sizes",
    [(1024, 1), (1, 1024), (512, 512, 1), (1025, 0), (2000, 2000, 2000)],
    ids=str,
)
def test_a_body_in_pieces_that_is_too_large_together_is_refused(
    sizes: tuple[int, ...], make_caller: Callable[..., Caller]
) -> None:
    caller = make_caller(FRAUD_BODY_BYTES="1024").serve(three_inputs())
    answer = both(caller, pieces(*(b" " * size for size in sizes)))
    assert answer.status == 413
    assert answer.header(b"connection") == b"close"
    assert answer.json() == {"detail": "the body is larger than 1024 bytes"}


def test_of_a_body_without_end_no_more_is_read_than_may_be(
    make_caller: Callable[..., Caller],
) -> None:
    caller = make_caller(FRAUD_BODY_BYTES="1024").serve(three_inputs())
    read = 0

    def without_end() -> Iterable[Message]:
        nonlocal read
        while True:
            read += 1
            yield {"type": "http.request", "body": b" " * 100, "more_body": True}

    assert caller.run(ask(caller.app, without_end())).status == 413
    assert read == 11


@pytest.mark.parametrize(
    "messages",
    [
        [DISCONNECTED],
        [*pieces(b'{"amount"', more=True), DISCONNECTED],
        [*pieces(b"", BODY, more=True), DISCONNECTED],
    ],
    ids=["at once", "halfway", "before the end"],
)
def test_a_client_that_closes_the_connection_is_not_a_server_error(
    messages: list[Message], ready: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """And what has not arrived whole is not scored, even if it could be read."""
    assert both(ready, messages).status == 400
    assert [one for one in caplog.records if one.levelname == "ERROR"] == []
    assert ready.samples()["fraud_probability_count"] == 0
    assert ready.predict(FULL).status_code == 200


def test_without_a_model_both_send_retry_after(caller: Caller) -> None:
    answer = both(caller, pieces(BODY))
    assert answer.status == 503
    assert answer.header(b"retry-after") == b"5"
    assert answer.json() == {"detail": "not ready; see /healthcheck for the reason"}


def test_both_refuse_who_has_no_token(make_caller: Callable[..., Caller], tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(ALICE)
    caller = make_caller(FRAUD_AUTH="on", FRAUD_TOKENS=str(tmp_path / "tokens"))
    caller.serve(three_inputs())
    assert both(caller, pieces(BODY)).status == 401
    assert both(caller, pieces(BODY), (b"authorization", b"Bearer bob")).status == 401
    assert both(caller, pieces(BODY), (b"authorization", b"Bearer alice")).status == 200


def test_both_answer_alike_while_draining(ready: Caller) -> None:
    ready.app.follower.serving.draining = True
    assert both(ready, pieces(BODY)).header(b"connection") == b"close"


def test_both_answer_alike_when_time_is_up(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(FRAUD_REQUEST_SECONDS="0.05").serve(three_inputs())
    assert both(caller, pieces(b"{", more=True)).status == 408


def test_both_answer_alike_when_something_fails_inside(
    ready: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> Any:
        raise RuntimeError

    monkeypatch.setattr(ready.model.reader, "read", fail)
    assert both(ready, pieces(BODY)).status == 500


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"application/json"), (b"content-type", b"text/csv")],
        [(b"content-length", b"7")],
        [(b"accept", b"text/html"), (b"accept-encoding", b"gzip"), (b"host", b"")],
        [(b"authorization", b"\xff\x00"), (b"traceparent", b"x")],
        [(b"x-request-id", b"second"), (b"x-request-id", b"the-same")],
        [(b"expect", b"100-continue"), (b"upgrade", b"h2c"), (b"connection", b"upgrade")],
    ],
)
def test_no_header_makes_a_difference(headers: list[tuple[bytes, bytes]], ready: Caller) -> None:
    assert both(ready, pieces(BODY), *headers).status == 200


def test_both_count_alike(ready: Caller) -> None:
    def counted() -> dict[str, float]:
        """What changes with time, and what /metrics counts of itself, left out."""
        return {
            name: value
            for name, value in ready.samples().items()
            if not ("seconds" in name or "_created" in name or "/metrics" in name)
        }

    def ask_all(query: bytes) -> None:
        for body in (BODY, b'{"amount": 0, "age_days": null, "country": "XX"}', b"{}", b"x"):
            ready.ask(body, query=query)

    ask_all(b"")
    once = counted()
    ask_all(ROUTE)
    twice = counted()
    assert once["fraud_requests_total{route=/predict,status=200}"] == 2
    assert once["fraud_requests_total{route=/predict,status=422}"] == 2
    changing = {name for name in once if name.endswith(("_total", "_count", "}"))} - {
        name
        for name in once
        if name.startswith(
            (
                "fraud_model_info",
                "fraud_input_reference",
                "fraud_input_stability",
                "fraud_requests_in",
            )
        )
    }
    assert {name: twice[name] for name in changing} == {name: 2 * once[name] for name in changing}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=transactions | json_values)
def test_any_json_gets_the_same_answer_from_both(value: Any, ready: Caller) -> None:
    assert both(ready, pieces(json.dumps(value).encode())).status in (200, 422)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_any_bytes_get_the_same_answer_from_both(parts: list[bytes], ready: Caller) -> None:
    both(ready, pieces(*parts))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"x-request-id", b"traceparent", b"authorization", b"content-type"]),
            st.binary(max_size=60),
        ),
        max_size=5,
    )
)
def test_any_headers_get_the_same_answer_from_both(
    headers: list[tuple[bytes, bytes]], ready: Caller
) -> None:
    answer = both(ready, pieces(BODY), *headers, ID)
    assert (answer.status, answer.header(b"x-request-id")) == (200, b"the-same")


def test_requests_beside_each_other_each_get_their_own_answer(ready: Caller) -> None:
    async def all_at_once() -> list[Answer]:
        asked = []
        for number_ in range(50):
            body = json.dumps({**FULL, "amount": number_ / 64}).encode()
            headers = [(b"x-request-id", str(number_).encode())]
            query = ROUTE if number_ % 2 else b""
            messages = pieces(body[:5], body[5:])
            asked.append(ask(ready.app, messages, headers=headers, query=query))
        return await asyncio.gather(*asked)

    for number_, answer in enumerate(ready.run(all_at_once())):
        assert answer.json()["probability"] == number_ / 64 + 0.5
        assert answer.json()["request_id"] == str(number_)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "post", "X"])
def test_other_methods_are_the_frameworks(method: str, ready: Caller) -> None:
    answer = ready.ask(BODY, method=method)
    assert (answer.status, answer.header(b"allow")) == (405, b"POST")

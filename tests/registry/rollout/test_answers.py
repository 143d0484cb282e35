"""One pod asked, on loopback: what it answers, and what of an answer is refused."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from deploy.local.processes import free_port
from registry.errors import UsageError
from registry.rollout.answers import Answer, NoAnswer, Served, Tokens, ask, read_tokens
from tests.registry.rollout.stand_in import standing_in

A = Served(1, "a" * 64)
B = Served(2, "b" * 64)
NONE = Tokens()


def test_a_pod_says_what_it_serves_and_has_counted() -> None:
    with standing_in(A, ok=7, review=2, swaps=1) as pod:
        assert ask(pod.address, NONE) == Answer(
            frozenset({A}),
            Counter(
                {
                    ("requests", "/predict", "200"): 7,
                    ("requests", "/predict", "500"): 0,
                    ("decisions", "review"): 2,
                    ("decisions", "approve"): 5,
                }
            ),
            1,
        )


def test_workers_that_serve_another_model_are_seen() -> None:
    with standing_in(A) as pod:
        pod.bodies["/model"] = (200, b'{"version": 2, "digest": "%s"}' % (b"b" * 64))
        answer = ask(pod.address, NONE)
    assert isinstance(answer, Answer)
    assert answer.models == {A, B}


@pytest.mark.parametrize(
    ("path", "status", "body", "reason", "starting"),
    [
        ("/model", 503, b"", "it has no model yet", True),
        ("/model", 302, b"", "/model answers HTTP 302", False),
        ("/metrics", 500, b"", "/metrics answers HTTP 500", False),
        ("/model", 200, b"[]", "its answer is not that of an inference service", False),
        ("/model", 200, b"{", "its answer is not that of an inference service", False),
        (
            "/model",
            200,
            b'{"version": 1, "digest": "\\u001b[2J"}',
            "its answer is not that of an inference service",
            False,
        ),
        ("/metrics", 200, b"\xff", "its answer is not that of an inference service", False),
        (
            "/metrics",
            200,
            b"fraud_requests_total 1",
            "its answer is not that of an inference service",
            False,
        ),
        ("/metrics", 200, b"x" * 2**17, "/metrics answers more than 65,536 bytes", False),
    ],
)
def test_another_answer_is_none(
    path: str,
    status: int,
    body: bytes,
    reason: str,
    starting: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.rollout.answers.MAX_BYTES", 2**16)
    with standing_in(A) as pod:
        pod.bodies[path] = (status, body)
        assert ask(pod.address, NONE) == NoAnswer(reason, starting=starting)


def test_a_pod_that_is_not_there_does_not_answer() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert ask(address, NONE) == NoAnswer("Connection refused")
    assert ask("http://pods.invalid:1", NONE) == NoAnswer("Name or service not known")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"])
def test_a_pod_that_does_not_end_its_answer_is_given_up(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it drips: a byte now and then does not prolong the call."""
    monkeypatch.setattr("registry.rollout.answers.CALL_SECONDS", 0.3)
    ended = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(sent)
            while not ended.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            heard = ask(f"http://127.0.0.1:{listener.getsockname()[1]}", NONE)
        finally:
            ended.set()
            thread.join()
    assert heard == NoAnswer("/model took over 0.3 s")


def test_each_question_has_its_token() -> None:
    with standing_in(A) as pod:
        pod.token, pod.metrics_token = "predict-token", "metrics-token"
        assert isinstance(ask(pod.address, Tokens("predict-token", "metrics-token")), Answer)
        for tokens, path, variable in (
            (NONE, "/model", "FRAUD_TOKEN"),
            (Tokens("predict-token", "secret"), "/metrics", "FRAUD_METRICS_TOKEN"),
        ):
            with pytest.raises(UsageError) as error:
                ask(pod.address, tokens)
            assert str(error.value) == (
                f"{pod.address} refuses the token for {path} (HTTP 401); set {variable} or "
                f"{variable}_FILE to one that it knows"
            )


def test_tokens_are_read_of_variables_or_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    assert read_tokens({}) == Tokens("", "")
    assert read_tokens({"FRAUD_TOKEN": "one"}) == Tokens("one", "one")
    assert read_tokens({"FRAUD_TOKEN_FILE": str(file), "FRAUD_METRICS_TOKEN": "two"}) == Tokens(
        "of-the-file", "two"
    )


@pytest.mark.parametrize("content", [b"two words", b"a\nb", "é".encode(), b"\xff"])
def test_a_file_without_one_token_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"^FRAUD_TOKEN"):
        read_tokens({"FRAUD_TOKEN_FILE": str(file)})
    with pytest.raises(UsageError, match=r"FRAUD_TOKEN_FILE cannot be read .*No such file"):
        read_tokens({"FRAUD_TOKEN_FILE": str(tmp_path / "none")})

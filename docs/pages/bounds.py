"""The bounds of what a client may send to the service, as a table made from its constants."""

from __future__ import annotations

from dataclasses import dataclass

from features import ranges
from inference import (
    body,
    body_limits,
    guard,
    http_bounds,
    http_protocol,
    logs,
    mlflow_protocol,
    open_inference,
    tokens,
    transaction,
    transport,
)

HTTP = "tests/inference/test_http_protocol.py"
TRANSACTION = "tests/inference/test_transaction.py"
HOSTILE = "tests/inference/test_hostile.py"
GUARD = "tests/inference/test_guard.py"
APP = "tests/inference/test_app.py"


@dataclass(frozen=True)
class Bound:
    """One loop whose length a client would choose."""

    what: str
    bound: str
    seen: str
    """What the client gets that exceeds it."""
    tested: str
    """A test module."""
    setting: str = ""

    def row(self) -> str:
        name = self.tested.rpartition("/")[2]
        setting = f"`{self.setting}`" if self.setting else ""
        link = f"[{name}](../{self.tested})"
        return f"| {self.what} | {self.bound} | {setting} | {self.seen} | {link} |"


def _bytes(count: int) -> str:
    return f"{count // 1024:,} KiB"


def _mebibytes(count: int) -> str:
    return f"{count // 1024**2} MiB"


BOUNDS = (
    Bound(
        "connections of a process",
        f"{http_bounds.MAX_CONNECTIONS:,}, or the limit on open files "
        f"less {http_bounds.RESERVED_FILES}",
        "of those that wait for a request, a slow head is closed, or else what a stranger left "
        "idle, or else what has waited longest",
        HTTP,
    ),
    Bound(
        "a connection without a request, a head that arrives slowly",
        f"{http_protocol.HEADER_TIMEOUT_SECONDS:g} s",
        "closed",
        HTTP,
    ),
    Bound(
        "a connection between two requests",
        "65 minutes by default",
        "closed",
        HTTP,
        "FRAUD_IDLE_SECONDS",
    ),
    Bound("request line and headers", _bytes(http_bounds.MAX_HEAD_BYTES), "431, closed", HTTP),
    Bound("headers", f"{http_bounds.MAX_HEADERS}", "431, closed", HTTP),
    Bound("URL, with its query", _bytes(http_bounds.MAX_URL_BYTES), "414, closed", HTTP),
    Bound(
        "pipelined requests that wait",
        f"{http_bounds.MAX_PIPELINED}",
        "closed, without the responses that are due",
        HTTP,
    ),
    Bound(
        "chunk sizes, extensions and trailers, beyond the length of the body",
        _bytes(http_bounds.MAX_FRAMING_BYTES),
        "431, closed",
        HTTP,
    ),
    Bound(
        "body: one transaction, a table",
        f"by default what the model's inputs need, from {_mebibytes(body_limits.MIN_BODY_BYTES)} "
        f"to {_mebibytes(body_limits.MAX_BODY_BYTES)}",
        "413, closed",
        APP,
        "FRAUD_BODY_BYTES",
    ),
    Bound(
        f"bodies of more than {_bytes(body.SMALL_BODY_BYTES)} at a time, of one caller",
        f"{body.MAX_LARGE_BODIES}",
        "a later turn",
        "tests/inference/test_body.py",
    ),
    Bound(
        "gzip body, both as it arrives and decompressed",
        "as any other body",
        "413, closed",
        "tests/inference/test_body.py",
        "FRAUD_BODY_BYTES",
    ),
    Bound("members of a gzip body", "1", "400", "tests/inference/test_body.py"),
    Bound("body that arrives slowly", "10 s by default", "408", HOSTILE, "FRAUD_REQUEST_SECONDS"),
    Bound(
        "body that arrives after the response",
        _bytes(http_bounds.MAX_UNWANTED_BYTES),
        "closed",
        HTTP,
    ),
    Bound(
        "what arrives after a refusal",
        f"{_bytes(transport.MAX_LINGER_BYTES)}, {transport.LINGER_SECONDS:g} s",
        "reset",
        HOSTILE,
    ),
    Bound(
        "response that is not read",
        f"{_bytes(http_bounds.MIN_WRITE_BYTES)} must be read in each "
        f"{http_protocol.WRITE_TIMEOUT_SECONDS:g} s, or all of it",
        "reset",
        HTTP,
    ),
    Bound(
        "response that waits in the kernel",
        f"{_bytes(http_bounds.SEND_BUFFER_BYTES)} (Linux doubles it)",
        "",
        HOSTILE,
    ),
    Bound(
        "concurrent requests with a token",
        "256 by default",
        "503 with Retry-After",
        GUARD,
        "FRAUD_IN_FLIGHT",
    ),
    Bound(
        "those of one caller, where there are several tokens",
        f"{guard.MAX_CALLER_SHARE:.0%} of them",
        "503 with Retry-After",
        GUARD,
    ),
    Bound(
        "concurrent requests for the documentation, apart from those",
        f"{guard.MAX_PAGE_REQUESTS}",
        "503 with Retry-After",
        GUARD,
    ),
    Bound(
        "numbers, strings, lists and objects of a transaction",
        f"the model's inputs and {transaction.MAX_EXTRA_VALUES:,} more",
        "422",
        TRANSACTION,
    ),
    Bound(
        "rows of a table: batch, CSV, tensors",
        "1,000 by default",
        "422 or 400",
        TRANSACTION,
        "FRAUD_BATCH_ROWS",
    ),
    Bound(
        "values of a table",
        f"rows × (inputs + {transaction.MAX_EXTRA_COLUMNS}) + {transaction.MAX_EXTRA_VALUES:,}",
        "422 or 400",
        TRANSACTION,
    ),
    Bound(
        "lists and objects of a table",
        f"rows × {transaction.MAX_CONTAINERS_PER_ROW} + {transaction.MAX_EXTRA_VALUES:,}",
        "422 or 400",
        TRANSACTION,
    ),
    Bound(
        "fields of a row, columns of a table",
        f"the model's inputs and {transaction.MAX_EXTRA_VALUES:,} more",
        "422 or 400",
        TRANSACTION,
    ),
    Bound(
        "commas of a CSV row",
        f"{mlflow_protocol.MAX_COMMAS_PER_FIELD} for each of these fields",
        "400",
        "tests/inference/test_mlflow_protocol.py",
    ),
    Bound("depth of JSON", "1,024, or 200 where it is not strict", "422 or 400", TRANSACTION),
    Bound(
        "blank lines of a CSV file",
        f"{mlflow_protocol.MAX_BLANK_LINES:,}",
        "400",
        "tests/inference/test_mlflow_protocol.py",
    ),
    Bound(
        "tensors, requested outputs",
        f"{open_inference.MAX_TENSORS:,}, {open_inference.MAX_OUTPUTS}",
        "400",
        "tests/inference/test_open_inference.py",
    ),
    Bound(
        "errors in a response",
        f"{transaction.MAX_ERRORS:,}",
        "422 with their number only",
        TRANSACTION,
    ),
    Bound("text of a category", f"{ranges.MAX_CATEGORY_LENGTH:,}", "422", TRANSACTION),
    Bound("request id", "128 characters", "another one is made", GUARD),
    Bound(
        "lines of log of one message, caller and status",
        f"{logs.MAX_LINES} in {logs.WINDOW_SECONDS:g} s, then their number",
        "",
        "tests/inference/test_logs.py",
    ),
    Bound(
        "reads of a token file",
        f"one in {tokens.CHECK_INTERVAL_SECONDS:g} s, and one for each SIGHUP",
        "",
        "tests/inference/test_tokens.py",
    ),
)


def table() -> str:
    """The bounds in the order in which a request meets them."""
    head = ["| what | bound | setting | who exceeds it gets | test |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(bound.row() for bound in BOUNDS)])

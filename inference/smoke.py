"""`python -m inference.smoke URL`: whether a running service answers with the ledger's head.

It sends one transaction, the example of the service's own documentation, which leaves neither
history nor a record, and compares the digest that answered with the one that the ledger signs. The
token is in FRAUD_SMOKE_TOKEN; the ledger is read as the service reads it. For `helm test`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from inference.fields import TIME_OF_TRANSACTION
from inference.settings import read_settings
from registry.errors import RegistryError, Unreachable, VerificationError, on_one_line
from registry.ledger.chain import Link
from registry.ledger.fold import fold
from registry.ledger.trust import read_trust
from registry.model.scorer import MODEL_FILE
from registry.tracking.head import head_of
from registry.tracking.rest import Registry

TIMEOUT_SECONDS = 10
MAX_LAG_SECONDS = 60.0
"""After a promotion, a service has this long to follow: twice its default poll interval."""
PAUSE_SECONDS = 2.0


def ask(url: str, token: str, body: Any = None) -> Any:
    """What the service answers, parsed. Raises Unreachable, with the answer if it is an error."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        with urlopen(Request(url, data, headers), timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except HTTPError as error:
        said = error.read(1000).decode(errors="replace")
        raise Unreachable(on_one_line(f"{url}: HTTP {error.code}: {said}")) from error
    except (HTTPException, OSError, ValueError) as error:
        raise Unreachable(on_one_line(f"{url}: {error}")) from error


def transaction_of(document: Any) -> Any:
    """The example of an OpenAPI document, as of now: an older one would be refused as too late.

    Raises Unreachable where no model is served.
    """
    schema = document["components"]["schemas"].get("Transaction", {})
    if "example" not in schema:
        raise Unreachable("the service serves no model")
    transaction = dict(schema["example"])
    for name, field in schema["properties"].items():
        if field.get("description", "").startswith(TIME_OF_TRANSACTION):
            zoned = datetime.fromisoformat(transaction[name]).tzinfo
            now = datetime.now(UTC).replace(tzinfo=UTC if zoned else None)
            transaction[name] = now.isoformat()
    return transaction


def check(service: str, token: str, head: Link) -> str:
    """Send a transaction; say what answered. Raises VerificationError unless it is the head."""
    transaction = transaction_of(ask(f"{service}/openapi.json", token))
    answer = ask(f"{service}/predict?record=false", token, transaction)
    digest = ask(f"{service}/model", token)["digest"]
    expected = head.statement.files[MODEL_FILE]
    if digest != expected or not digest.startswith(answer["model_digest"]):
        raise VerificationError(
            f"{service}: {answer['model_digest']} answered, /model says {digest}; "
            f"the head is {head}, digest {expected}"
        )
    return f"{answer['decision']}, {answer['probability']:.4f}, by {head}, digest {digest}"


def read_head() -> Link:
    """The head of the ledger. Raises UsageError, Unreachable, NotFound and VerificationError."""
    settings = read_settings()
    trust = read_trust(settings.ledger_config, settings.ledger_floor)
    return head_of(fold(Registry(settings.tracking_uri).versions(), trust))


def main(service: str) -> None:
    """Check a service, also one that has yet to follow the last promotion."""
    token = os.environ.get("FRAUD_SMOKE_TOKEN", "")
    end = time.monotonic() + MAX_LAG_SECONDS
    while True:
        try:
            print(check(service.rstrip("/"), token, read_head()))
            return
        except VerificationError:
            if time.monotonic() > end:
                raise
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m inference.smoke URL")
    try:
        main(sys.argv[1])
    except RegistryError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)

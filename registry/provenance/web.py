"""One GET of a JSON document from a server that knows more than the candidate says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from registry.errors import NotFound, Unreachable, on_one_line

TIMEOUT_SECONDS = 20
MAX_REASON = 300

Parsed = TypeVar("Parsed")


def get_json(
    url: str,
    parse: Callable[[Any], Parsed],
    *,
    problem: str,
    advice: str,
    not_found: str = "",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> Parsed:
    """What `parse` makes of the document.

    Raises Unreachable, with the reason between `problem` and `advice`, where there is no document
    or `parse` finds it to be another, and NotFound for a status of 404 if `not_found` is given.
    """
    import requests  # noqa: PLC0415 (what only reads the ledger starts without it)

    try:
        # A redirect could lead the token elsewhere.
        response = requests.get(
            url,
            headers=headers,
            params=params,
            auth=auth,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        if response.status_code == 404 and not_found:
            raise NotFound(not_found)
        response.raise_for_status()
        return parse(response.json())
    except (requests.RequestException, KeyError, TypeError, AttributeError, ValueError) as error:
        reason = on_one_line(str(error) or type(error).__name__)[:MAX_REASON]
        raise Unreachable(f"{problem}: {reason}; {advice}") from error

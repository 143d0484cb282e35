"""Bearer tokens: hashed in a file that can be replaced while the service runs (RFC 6750)."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from pathlib import Path

from registry.errors import UsageError

LOOK_AGAIN_SECONDS = 1.0
LINE = re.compile(r"([A-Za-z0-9._-]{1,64})\s+([0-9a-f]{64})")

log = logging.getLogger("inference")


def new_token(name: str) -> tuple[str, str]:
    """A new random token of 256 bits, and its line for the file. Raises UsageError for the name."""
    token = secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(token.encode()).hexdigest()}"
    if not LINE.fullmatch(line):
        raise UsageError("the name of a token has 1 to 64 letters, digits, dots or dashes")
    return token, line


def read_tokens(path: Path) -> dict[str, bytes]:
    """Name → sha256 digest of each token in the file; blank lines and lines with # are skipped.

    Raises UsageError naming the file and the line. A plain sha256 is enough because tokens are
    random: there is nothing to guess as there is with passwords.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"the file of tokens {path} cannot be read ({reason}); write one with "
            f"`python -m inference token NAME >> {path}`, name another in FRAUD_TOKENS, or set "
            "FRAUD_AUTH=off to answer on loopback without tokens"
        ) from error
    tokens: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if found is None:
            raise UsageError(f"{path}: line {number} is not `NAME SHA256`")
        if found[1] in tokens:
            raise UsageError(f"{path}: line {number} says {found[1]} again; each token has a name")
        tokens[found[1]] = bytes.fromhex(found[2])
    if not tokens:
        raise UsageError(f"{path} holds no token; add one with `python -m inference token NAME`")
    return tokens


class Tokens:
    """The tokens in a file. A changed file counts within a second; a broken one changes nothing."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError where the file is not what it must be."""
        self._path = path
        self._tokens = read_tokens(path)
        self._state = self._state_of_file()
        self._next_look = time.monotonic() + LOOK_AGAIN_SECONDS

    def name_of(self, authorization: bytes) -> str | None:
        """Whose token an `Authorization` header carries; None for nobody's.

        Each known token is compared, in constant time, whichever fits.
        """
        if time.monotonic() > self._next_look:
            self._look_again()
        scheme, _, token = authorization.partition(b" ")
        digest = hashlib.sha256(token.strip()).digest()
        found = None
        for name, known in self._tokens.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found if scheme.lower() == b"bearer" else None

    def _state_of_file(self) -> tuple[int, ...] | None:
        try:
            state = self._path.stat()
        except OSError:
            return None
        return (state.st_mtime_ns, state.st_size, state.st_ino)

    def _look_again(self) -> None:
        self._next_look = time.monotonic() + LOOK_AGAIN_SECONDS
        state = self._state_of_file()
        if state == self._state:
            return
        self._state = state
        try:
            self._tokens = read_tokens(self._path)
        except UsageError as error:
            log.error("the tokens stay as they were: %s", error)
        else:
            log.info("tokens read again: %s", ", ".join(self._tokens))

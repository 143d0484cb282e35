"""Bearer tokens (RFC 6750), stored as hashes in a file that may change while the service runs."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from registry.errors import UsageError

CHECK_INTERVAL_SECONDS = 1.0
LINE = re.compile(r"([A-Za-z0-9._-]{1,64})\s+([0-9a-f]{64})(?:\s+(\S+))?")

TokenScope = Literal["predict", "labels", "history"]
SCOPES: tuple[TokenScope, ...] = get_args(TokenScope)

log = logging.getLogger("inference")


class Token(NamedTuple):
    """A token of the file: its sha256, and what it allows."""

    sha256: bytes
    scopes: frozenset[str]


def new_token(name: str, scopes: Sequence[TokenScope] = ("predict",)) -> tuple[str, str]:
    """A random token of 256 bits, and its line for the file. Raises UsageError for a bad name."""
    token = secrets.token_urlsafe(32)
    line = f"{name} {hashlib.sha256(token.encode()).hexdigest()}"
    if tuple(scopes) != ("predict",):
        line += f" {','.join(scopes)}"
    if not LINE.fullmatch(line):
        raise UsageError(
            "the name of a token must be 1 to 64 letters, digits, dots, dashes or underscores"
        )
    return token, line


def read_tokens(path: Path) -> dict[str, Token]:
    """Name → token of each line in a file. Blank lines and lines with # are skipped.

    A line is `NAME SHA256`, for `predict`, or `NAME SHA256 SCOPE,SCOPE`.

    A plain sha256 is enough, because tokens are random: unlike a password, they cannot be guessed.
    Raises UsageError naming the file and the line.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"the token file {path} cannot be read ({reason}); create it with "
            f"`python -m inference token NAME >> {path}`, set FRAUD_TOKENS to another file, or set "
            "FRAUD_AUTH=off to serve requests on loopback without tokens"
        ) from error
    tokens: dict[str, Token] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise UsageError(f"{path}: line {number} is not `NAME SHA256` or `NAME SHA256 SCOPES`")
        scopes = frozenset((match[3] or "predict").split(","))
        if unknown := sorted(scopes.difference(SCOPES)):
            raise UsageError(
                f"{path}: line {number} has the scope {unknown[0][:40]!r}, which is none of "
                f"{', '.join(SCOPES)}"
            )
        if match[1] in tokens:
            raise UsageError(f"{path}: line {number} repeats the name {match[1]}")
        tokens[match[1]] = Token(bytes.fromhex(match[2]), scopes)
    if not tokens:
        raise UsageError(f"{path} has no tokens; add one with `python -m inference token NAME`")
    return tokens


class Tokens:
    """The tokens in a file. Changes take effect within a second; an invalid file is ignored."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError where the file is invalid."""
        self._path = path
        self._tokens = read_tokens(path)
        self._file_state = self._stat()
        self._next_check = time.monotonic() + CHECK_INTERVAL_SECONDS

    def __len__(self) -> int:
        return len(self._tokens)

    def name_of(self, authorization: bytes) -> str | None:
        """The name of the token in an `Authorization` header; None if it is not known.

        All known tokens are compared, each in constant time, also after a match.
        """
        if time.monotonic() > self._next_check:
            self._reload_if_changed()
        scheme, _, token = authorization.partition(b" ")
        digest = hashlib.sha256(token.strip()).digest()
        match = None
        for name, known in self._tokens.items():
            if hmac.compare_digest(known.sha256, digest):
                match = name
        return match if scheme.lower() == b"bearer" else None

    def allows(self, name: str, scope: TokenScope) -> bool:
        """Whether the token of this name has a scope."""
        token = self._tokens.get(name)
        return token is not None and scope in token.scopes

    def _stat(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _reload_if_changed(self) -> None:
        self._next_check = time.monotonic() + CHECK_INTERVAL_SECONDS
        if self._stat() != self._file_state:
            self.reload()

    def reload(self) -> None:
        """Read the file; keep the tokens that were read before where it is invalid."""
        self._file_state = self._stat()
        try:
            self._tokens = read_tokens(self._path)
        except UsageError as error:
            log.error("keeping the tokens that were read before: %s", error)
        else:
            log.info("tokens reloaded: %s", ", ".join(self._tokens))

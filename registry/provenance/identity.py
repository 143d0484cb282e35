"""Identities in one spelling: `github:alice`, `jenkins:alice`, `os:alice`, `git:alice@example.com`.

Two spellings of one name would be two people to a comparison, so only one is accepted.
"""

from __future__ import annotations

import re

from registry.errors import UsageError, on_one_line

FORM = re.compile(r"(?P<realm>[a-z]+):(?P<name>[!-~]+)")
"""A realm, and a name of printable ASCII without blanks: nothing that looks like another letter."""


def checked_identity(text: str) -> str:
    """The text, where it is an identity in its one spelling.

    Raises UsageError, which says what is wrong: no realm, a blank, a character that may look like
    another one, or upper-case letters.
    """
    shown = on_one_line(text)[:100]
    if re.search(r"\s", text):
        raise UsageError(f"{shown!r} holds a blank; write realm:name, such as github:alice")
    if not text.isascii():
        raise UsageError(
            f"{ascii(text)[1:-1][:100]} holds characters that are not ASCII, which can look like "
            "others; give the person an account name in ASCII"
        )
    if not FORM.fullmatch(text):
        raise UsageError(f"{shown!r} is not realm:name, such as github:alice")
    if text != text.lower():
        raise UsageError(f"{shown!r} holds upper-case letters; write {text.lower()}")
    return text


def identity_of(realm: str, name: str) -> str:
    """The identity of an account that a system named: GitHub, git and Jenkins ignore its case.

    Raises UsageError as `checked_identity` does.
    """
    return checked_identity(f"{realm}:{name.lower()}")


def realm_of(identity: str) -> str:
    return identity.partition(":")[0]

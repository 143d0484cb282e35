"""One exception for each way a user can fail. Each message says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import ValidationError


class FieldError(NamedTuple):
    """A field that failed validation, and why. Its value is left out: it may be a secret."""

    location: tuple[int | str, ...]
    message: str

    @property
    def field(self) -> str:
        """The field's dotted path; empty where the error is about the whole value."""
        return ".".join(str(part) for part in self.location)


def first_error(error: ValidationError) -> FieldError:
    """The first of the errors that pydantic found: one at a time is enough to act on."""
    details = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return FieldError(details["loc"], details["msg"].removeprefix("Value error, "))


def on_one_line(text: str) -> str:
    """Text from outside, such as a file's name, with its control characters escaped.

    Unescaped, it could forge a line of a log, or control the terminal that shows it.
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


MAX_REASON_CHARACTERS = 300


def first_reason(error: Exception) -> str:
    """The first line of a message of Azure's SDK, or its reason for each credential it tried."""
    lines = str(error).splitlines() or [type(error).__name__]
    credentials = [line.strip() for line in lines if line.startswith("\t")]
    return on_one_line("; ".join(credentials) or lines[0])[:MAX_REASON_CHARACTERS]


class RegistryError(Exception):
    """Base class; the command line prints the message as one line, without a traceback."""

    exit_code = 2


class UsageError(RegistryError):
    """A command, a setting or an input file is wrong."""


class NotFound(UsageError):
    """A named candidate, ledger version or evidence run does not exist."""


class Unreachable(RegistryError):
    """The tracking server or its artifact store does not respond, or refuses the request."""


class Refused(RegistryError):
    """A gate failed, or a rule of promotion is not met."""

    exit_code = 3


class ModelFailed(Refused):
    """A model crashed the process that evaluates it, or needs more time or memory than allowed."""


class RolloutFailed(Refused):
    """A pod does not take the model in force, or does worse with it than before."""


class VerificationError(RegistryError):
    """A signature, the chain or the bytes of a file do not verify."""

    exit_code = 3


class ContractError(VerificationError):
    """The model's contract is missing or invalid, or the model does not fulfil it."""


class BytesMismatch(VerificationError):
    """Files differ from those that the statement lists."""

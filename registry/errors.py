"""One exception for each way a user can fail. Each message says what to do next."""


def on_one_line(text: str) -> str:
    """What others wrote, such as a file's name, with its control characters spelled out.

    Otherwise whoever chooses it could forge a line of a log, or act on a terminal.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class RegistryError(Exception):
    """Base of what the command line prints as one line, without a traceback."""

    exit_code = 2


class UsageError(RegistryError):
    """The command, a setting or an input file is not what it must be."""


class NotFound(UsageError):
    """A named candidate, ledger version or evidence run does not exist."""


class Unreachable(RegistryError):
    """The tracking server, or its artifact store, does not answer or refuses."""


class Refused(RegistryError):
    """A gate or a rule of promotion says no."""

    exit_code = 3


class VerificationError(RegistryError):
    """Signature, chain or bytes are not what they must be."""

    exit_code = 3


class ContractError(VerificationError):
    """The model's contract is missing, or says something impossible."""


class BytesMismatch(VerificationError):
    """Files differ from the ones the statement names."""

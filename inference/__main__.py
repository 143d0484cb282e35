"""`python -m inference`: the service on one port; `python -m inference token NAME`: a new token."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from inference.app import make_service
from inference.http_protocol import PunctualProtocol
from inference.logs import log_as_json
from inference.settings import read_settings
from inference.tokens import new_token
from registry.errors import RegistryError

EPILOG = """
examples:
  python -m inference                                   serve what the ledger says
  python -m inference token payments >> .local/tokens   token to the terminal, hash to the file

settings are environment variables, listed in docs/settings.md
"""


def serve() -> None:
    """Read the settings and serve; a wrong setting stops the start with one clear line."""
    log_as_json()
    settings = read_settings()
    app = make_service(settings)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=PunctualProtocol,
        ws="none",
        proxy_headers=False,  # nothing here looks at a caller's address
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def print_token(name: str) -> None:
    """The token on standard error, for its user; its line for the file on standard output."""
    token, line = new_token(name)
    print(f"the token of {name}, shown only now: {token}", file=sys.stderr)
    print(line)


def main() -> None:
    """Run the command line; whatever is wrong ends in one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m inference",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("token", help="make a bearer token").add_argument("name", metavar="NAME")
    arguments = parser.parse_args()
    try:
        if arguments.command == "token":
            print_token(arguments.name)
        else:
            serve()
    except RegistryError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


main()

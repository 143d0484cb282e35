"""The inference service, and `token NAME` to create a bearer token for its callers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvicorn

from inference.app import make_service
from inference.http_protocol import HttpProtocol
from inference.logs import log_as_json
from inference.settings import read_settings
from inference.tokens import SCOPES, TokenScope, new_token
from registry.errors import RegistryError

EPILOG = """
examples:
  python -m inference                                   serve the model in Production
  python -m inference token payments >> .local/tokens   create a token: the token is printed to
                                                        the terminal, its hash goes to the file
  python -m inference token chargebacks --scope labels >> .local/tokens

Settings are environment variables; docs/settings.md lists them.
"""


def serve() -> None:
    """Run the service until it is stopped. Raises UsageError for an invalid setting."""
    log_as_json()
    settings = read_settings()
    app = make_service(settings)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=HttpProtocol,
        ws="none",
        proxy_headers=False,  # the client's address is not used
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=settings.idle_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
    )


def print_token(name: str, scopes: Sequence[TokenScope]) -> None:
    """Print the token to standard error, for its user, and its line for the file to stdout."""
    token, line = new_token(name, scopes)
    print(f"the token of {name}, which is not shown again: {token}", file=sys.stderr)
    print(line)


def main() -> None:
    """Run the command line. A usage error ends in one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m inference",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    token = commands.add_parser("token", help="create a bearer token")
    token.add_argument("name", metavar="NAME", help="name of the caller, for the records")
    token.add_argument(
        "--scope",
        action="append",
        choices=SCOPES,
        help="what it allows, several times if several: `predict` (the default), `labels` to "
        "report frauds, `history` to look at those of cards and shops",
    )
    arguments = parser.parse_args()
    try:
        if arguments.command == "token":
            print_token(arguments.name, arguments.scope or ["predict"])
        else:
            serve()
    except RegistryError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


main()

"""`python -m inference`: the service on one port, for a shell or a container."""

import logging
import sys

import uvicorn
from pydantic import ValidationError

from inference.app import create_app
from inference.settings import Settings
from registry.errors import RegistryError


def main() -> None:
    """Read the settings and serve; a wrong setting stops the start with one clear line."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        settings = Settings()
        app = create_app(settings)
    except RegistryError as error:
        sys.exit(f"error: {error}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        sys.exit(f"error: {first['loc'][0]}: {first['msg']}")
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False)


main()

"""Getting from a started process to a ready one, however long the registry takes."""

from __future__ import annotations

import asyncio
import logging
import random

from mlflow import MlflowClient

from inference.model import ServedModel, load_head
from registry.errors import RegistryError
from registry.trust import Trust

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0

log = logging.getLogger("inference")


class Serving:
    """What this process serves now: a verified model, or the reason why there is none."""

    def __init__(self) -> None:
        self.model: ServedModel | None = None
        self.reason = "the model is being loaded"


async def load_until_ready(serving: Serving, client: MlflowClient, trust: Trust) -> None:
    """Try to load the head until it works, with backoff and jitter; a process never gives up.

    Bytes that do not match keep the process alive and unready: whoever repairs the registry, or
    rolls back, need not also restart pods.
    """
    wait = FIRST_WAIT_SECONDS
    while serving.model is None:
        try:
            serving.model = await asyncio.to_thread(load_head, client, trust)
        except RegistryError as error:
            serving.reason = str(error)
        except Exception as error:  # whatever goes wrong must be read in /healthcheck, not lost
            log.exception("loading failed")
            serving.reason = f"loading failed: {type(error).__name__}: {error}"
        if serving.model is None:
            log.error("not ready: %s", serving.reason)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)
    log.info("ready: %s, digest %s", serving.model.link, serving.model.digest)

"""`gunicorn -c gunicorn_conf.py`: a worker a core, for a VM; settings as for `python -m inference`.

A pod on Kubernetes runs one process instead, and scales by pods.
"""

import os
import shutil
import sys
import tempfile
from typing import Any

from inference.logs import log_as_json
from inference.settings import read_settings
from registry.errors import RegistryError

try:
    settings = read_settings()
except RegistryError as error:
    sys.exit(f"error: {error}")

# Before the app imports prometheus_client, which decides on import how to keep its values.
metrics_folder = tempfile.mkdtemp(prefix="fraud-metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_folder

wsgi_app = "inference.app:create_app()"
bind = f"{settings.host}:{settings.port}"
workers = int(os.environ.get("WEB_CONCURRENCY", os.cpu_count() or 1))
worker_class = "inference.worker.Worker"
# Everything is imported once, before the fork: workers share that memory.
preload_app = True
graceful_timeout = round(settings.drain_seconds) + settings.grace_seconds
timeout = 60
control_socket_disable = True


def on_starting(_: Any) -> None:
    """Log as JSON lines, gunicorn's own words too."""
    log_as_json()


def child_exit(_: Any, worker: Any) -> None:
    """Take an ended worker's gauges out of the sums."""
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)


def on_exit(_: Any) -> None:
    """Remove the workers' shared metrics."""
    shutil.rmtree(metrics_folder, ignore_errors=True)

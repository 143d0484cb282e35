"""Configuration of gunicorn for a VM, with one worker per core: `gunicorn -c gunicorn_conf.py`.

The settings are those of `python -m inference`; WEB_CONCURRENCY sets the number of workers. On
Kubernetes, run one process per pod instead and scale the number of pods.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from inference import worker_files
from inference.logs import log_as_json
from inference.settings import read_settings
from registry.errors import RegistryError

METRICS_PREFIX = "fraud-metrics-"

try:
    settings = read_settings()
except RegistryError as error:
    sys.exit(f"error: {error}")

# Before the app imports prometheus_client, which chooses its storage at import. On SIGHUP gunicorn
# runs this file again: the folder stays, and with it what ended workers have counted.
metrics_folder = os.environ.get(worker_files.MULTIPROCESS_FOLDER, "")
if not Path(metrics_folder).name.startswith(METRICS_PREFIX):
    metrics_folder = tempfile.mkdtemp(prefix=METRICS_PREFIX)
os.environ[worker_files.MULTIPROCESS_FOLDER] = metrics_folder

wsgi_app = "inference.worker:create_app()"
bind = f"{settings.host}:{settings.port}"
workers = int(os.environ.get("WEB_CONCURRENCY", os.cpu_count() or 1))
os.environ["WEB_CONCURRENCY"] = str(workers)  # for the workers, who may have to know
worker_class = "inference.worker.Worker"
# Import once, before the fork, so that the workers share that memory.
preload_app = True
graceful_timeout = round(settings.drain_seconds) + settings.grace_seconds
timeout = 60
keepalive = settings.idle_seconds
control_socket_disable = True


def on_starting(_: Any) -> None:
    """Write gunicorn's own log as lines of JSON too."""
    log_as_json()


# gunicorn ends with all its workers where one of these two hooks raises an OSError.
def post_fork(server: Any, _: Any) -> None:
    """Let a worker continue the counts of one that ended."""
    try:
        worker_files.inherit(Path(metrics_folder))
    except OSError as error:
        server.log.warning("what an ended worker has counted is not continued: %s", error)


def child_exit(server: Any, worker: Any) -> None:
    """Remove the gauges of a worker that ended from the exported sums."""
    try:
        worker_files.bury(Path(metrics_folder), worker.pid)
    except OSError as error:
        server.log.warning("the gauges of an ended worker are not removed: %s", error)


def on_exit(_: Any) -> None:
    """Delete the workers' shared metrics files."""
    shutil.rmtree(metrics_folder, ignore_errors=True)

"""Speed and memory beside the alternative, in one run: `make bench-…`."""

from registry.tracking.client_settings import set_client_defaults

set_client_defaults()  # before a benchmark imports mlflow

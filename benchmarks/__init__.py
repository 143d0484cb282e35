"""Accuracy, speed and memory, each next to an alternative measured in the same run.

registry          the paired bootstrap (`make bench-registry`)
training          accuracy, history features and a whole run (`make bench-training`)
coverage          how often the intervals of a run hold what they estimate
creditcard        on the ULB data: how the shipped defaults were chosen
handbook          on the Handbook's data: its protocol, and how the parameters were chosen
pandas_features   the Handbook's features in pandas, to compare speed with
inference/        the service and other model servers (`make bench-inference`)
growth/           how cost grows with size (`make bench-growth`)
features/         stores of history, in memory and in Redis (`make bench-features`)
monitoring/       false alarms, days until an alarm, a large join (`make bench-monitoring`)
team              the main job on a team's set-up and on the embedded default (`make bench-team`)
images            the images: size, and the service's start and memory (`make bench-images`)
containers        builds the images and runs them in podman; also for tests
batch/            batch scoring by MLflow's own ways (`make bench-batch`)
links             a ledger entry that nobody signed
paths             where data sets and installed environments are
"""

import os

from registry.tracking.client_settings import set_client_defaults

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as training: before OpenMP is loaded
set_client_defaults()  # before a benchmark imports mlflow

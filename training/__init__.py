"""The MLflow Project: data, features, split, fit, evaluate, register."""

import os

from registry.tracking.client_settings import set_client_defaults

set_client_defaults()

# Waiting OpenMP threads that spin make a fit 30 times slower on a machine whose cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""The MLflow Project: data, features, split, fit, evaluate, register."""

import os

# Waiting OpenMP threads that spin make a fit 30 times slower on a machine whose cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

"""The tests; each module of the product has one of the same name here."""

import os

# Before anything loads OpenMP: the fits of a test are small, and threads that spin cost most.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

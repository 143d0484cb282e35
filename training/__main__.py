import os

# Before anything loads OpenMP, which reads it once: waiting threads that spin make a fit 30 times
# slower on a machine whose cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.cli import main

main()

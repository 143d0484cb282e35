import os

from registry.tracking.client_settings import set_client_defaults

# Before anything loads OpenMP, which reads it once: waiting threads that spin make a fit 30 times
# slower on a machine whose cores are busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before anything imports mlflow, which reads its settings then.
set_client_defaults()

from training.cli import main  # noqa: E402

main()

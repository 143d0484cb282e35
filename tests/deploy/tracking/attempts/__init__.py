"""What users attempt and MLflow's rights refuse, one attempt a row."""

from tests.deploy.tracking.attempts.anonymous import WITHOUT_A_PASSWORD
from tests.deploy.tracking.attempts.artifacts import ARTIFACTS
from tests.deploy.tracking.attempts.candidates import CANDIDATES_AND_TRAINING
from tests.deploy.tracking.attempts.evidence import EVIDENCE
from tests.deploy.tracking.attempts.ledger import LEDGER
from tests.deploy.tracking.attempts.reading import READING
from tests.deploy.tracking.attempts.users import USERS_AND_RIGHTS
from tests.deploy.tracking.matrix import Refusal

REFUSALS: tuple[Refusal, ...] = (
    *ARTIFACTS,
    *EVIDENCE,
    *LEDGER,
    *CANDIDATES_AND_TRAINING,
    *READING,
    *USERS_AND_RIGHTS,
    *WITHOUT_A_PASSWORD,
)

__all__ = ["ARTIFACTS", "REFUSALS", "WITHOUT_A_PASSWORD"]

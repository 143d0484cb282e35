"""The stored names: what experiments, models, tags and files are called on the tracking server.

They are written into servers and ledgers that last for years, so none of them may change.
"""

# Experiments and registered models
TRAINING_EXPERIMENT = "fraud-detector"
EVIDENCE_EXPERIMENT = "fraud-detector-promotions"
LIVE_EXPERIMENT = "fraud-detector-live"
"""Runs of `python -m monitoring`: one for each look at a ledger version."""
CANDIDATES = "fraud-detector"
"""Registered model; each of its versions is a candidate."""
PRODUCTION = "fraud-detector-production"
"""Registered model; its versions are the entries of the ledger."""

# Aliases
STAGING_ALIAS = "staging"
PRODUCTION_ALIAS = "production"

# Tags of a training run
AUTHORS_TAG = "authors"
"""Who made the candidate, separated by spaces: `git:alice@example.com github:alice`."""
GIT_COMMIT_TAG = "git_commit"
GIT_DIRTY_TAG = "git_dirty"
DATA_TAG = "data_sha256"
REQUIREMENTS_TAG = "requirements_sha256"
FAILURE_TAG = "failure"
PRUNED_TAG = "pruned"
"""`registry prune` has begun to delete the run, with its candidates."""

# Tags of a candidate
FILES_TAG = "files_sha256"
"""The digest of the candidate's files when it was registered."""
LEDGER_VERSION_TAG = "ledger_version"
"""The ledger entry that put the candidate in Production; for people, trusted by nothing."""

# Tags of a ledger entry
STATEMENT_TAG = "statement"
PROMPT_TAG = "mlflow.prompt.is_prompt"
"""MLflow's own. Once a version has it, MLflow lists no version of that model any more."""

# Tags of an evidence run; for people, for listing, and for counting looks at the same rows. Only as
# trustworthy as those who may write to the evidence experiment.
CANDIDATE_TAG = "candidate"
CANDIDATE_RUN_TAG = "candidate_run"
POLICY_TAG = "policy"
VERDICT_TAG = "verdict"
COMPARED_WITH_TAG = "compared_with"
"""The digest of the head's statement, or `NOTHING` while the ledger was empty."""
CANDIDATE_FILES_TAG = "candidate_files_sha256"
ROWS_TAG = "rows_sha256"
ROWS_START_TAG = "rows_start"
ROWS_END_TAG = "rows_end"
"""The first and last time of the rows. With these four, looks at the same rows are counted."""
PLAN_TAG = "plan"
"""The digest of the statement of the plan that the evaluation followed, if there was one."""
PASSED = "passed"
REFUSED = "refused"
NOTHING = "nothing"

# Tags of a run of the live experiment
LOOK_TAG = "look"
"""The sha256 of everything that the look found: the same look is logged once."""
UNTIL_TAG = "until"
PROPOSAL_TAG = "proposal"
"""`rollback` where one is proposed."""

# Files of a training run
PARITY_FILE = "parity/rows.parquet"
"""Input rows with scikit-learn's own probabilities; an evidence run holds a copy."""

ENVIRONMENT_FILE = "environment.txt"
"""The installed packages, a line `name==version` each; an evidence run holds a copy."""
ATTESTATION_FILE = "attestation.json"
"""What the training job signed about the candidate; an evidence run holds a copy."""

# Files of an evidence run
EVIDENCE_FILE = "evidence.json"
MODEL_FOLDER = "model"
POLICY_FILE = "policy.yaml"
SCORES_FILE = "scores.parquet"

# File of a plan's run, beside a copy of the policy
PLAN_FILE = "plan.json"

# A gate that the service asks about
WITHOUT_HISTORY = "without_history"

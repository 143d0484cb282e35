"""What things are called on the tracking server."""

CANDIDATES = "fraud-detector"
PRODUCTION = "fraud-detector-production"
EVIDENCE_EXPERIMENT = "fraud-detector-promotions"
STATEMENT_TAG = "statement"
PROMPT_TAG = "mlflow.prompt.is_prompt"
STAGING_ALIAS = "staging"
PRODUCTION_ALIAS = "production"

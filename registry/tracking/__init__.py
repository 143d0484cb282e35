"""The MLflow tracking server: read over REST, written to through MLflow's client.

names            what experiments, models, aliases, tags and files are called on the server
credentials      credentials, certificates and timeouts, from MLflow's environment variables
connection       a GET request whose response is bounded in bytes and in time
rest             the ledger's versions and the artifact store, over MLflow's REST API
overview         Staging and the evidence runs, for `status`
watch            the ledger as a pod follows it, look by look
fetch            the files of a ledger entry, verified against its statement
evidence_file    the evidence of a ledger entry, verified, and which gates it passed
head             the model in Production, verified and ready to score, in one call
client_settings  defaults of MLflow's client, set before it is imported
client           MLflow's client, its errors turned into ours
project_run      the run that `mlflow run` made for this process, named
candidates       the versions of `fraud-detector`, and the one in Staging
comparison       what training recorded of a candidate and of the one in Production
removal          a training run and all that belongs to it, found and deleted

To *download* is to get bytes as the server sends them; to *fetch* is to download and verify them.

Used from outside: `rest.Registry`, `watch.Watch`, `fetch.fetch_verified`, `head.fetch_head`,
`client.connect` and `client.read_ledger`. The service imports neither `client` nor `candidates`:
importing MLflow's client takes seconds and memory that a pod does not have.
"""

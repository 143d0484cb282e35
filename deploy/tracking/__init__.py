"""The tracking server as a team runs it: PostgreSQL, Blob Storage, users and rights.

settings        what it is told by environment variables, or by files of secrets
hosts           the names under which the server answers
database        opens the database, and asks whether it answers
entra_login     signs in to PostgreSQL on Azure with an identity instead of a password
migrate         makes or upgrades the tables, once, before servers start
serve           starts the server, with all that MLflow would otherwise leave open
app             MLflow's application with the check `/ready`, which asks the database
guard           runs inside the server: refuses what MLflow's basic auth lets through
oidc            sign-in with Microsoft Entra ID instead, by the package mlflow-oidc-auth
rights          makes the users and roles, and takes away every other right; `--dry-run` only tells
steps           what differs from the plan, as the requests that change it
roles           what each role may do, and on which experiments and registered models
backup          database and artifacts, consistent with each other, and back again
dump            the database as one file
artifact_roots  the places of artifacts, in Azure or in a folder
verify          verifies a restored ledger
access_control  MLflow's users, roles and grants, over its REST API
"""

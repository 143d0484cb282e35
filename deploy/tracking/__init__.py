"""The tracking server as a team runs it: PostgreSQL, Blob Storage, users and rights.

settings  what it is told by environment variables, or by files of secrets
hosts     the names under which the server answers
database  opens the database, and asks whether it answers
migrate   makes or upgrades the tables, once, before servers start
serve     starts the server, with all that MLflow would otherwise leave open
app       MLflow's application with the check `/ready`, which asks the database
rights    makes users and rights: `python -m deploy.tracking.rights`
"""

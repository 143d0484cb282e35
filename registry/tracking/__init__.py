"""The MLflow tracking server, read over REST; what writes to it goes through MLflow's client.

names         registered models, aliases, tags and files, as they are called on the server
credentials   user, token and certificates, from MLflow's own environment variables
connection    one GET request, bounded in bytes and in time
rest          the ledger's versions and the artifact store, over MLflow's REST API
fetch         the files of a ledger entry, verified against its statement
client        MLflow's client, its errors turned into ours
candidates    the versions of `fraud-detector`, and the one in Staging

Others use `rest.Registry`, `fetch.fetch_verified`, `client.connect` and `client.read_ledger`. The
service imports only what does not import MLflow's client.
"""

"""The registry: what is in Production, who approved it, and on what evidence.

Its packages, in the order in which a model passes through them:

model       contract and scorer: what a model takes, and how a row becomes a probability
tracking    the MLflow tracking server: candidates, entries of the ledger, files
evaluation  policy, gates and metrics: a candidate against the model in Production
report      the evaluation as a page for people, with plots
lifecycle   the operations: evaluate, approve, promote, roll back, freeze, repair
ledger      signed statements, the chain that they form, tip and head
cli         the commands of `python -m registry`

In the order cli, lifecycle, report, evaluation, tracking, ledger, model, each imports only those to
its right. All may import `errors` (one exception for each way to fail), `progress` (messages on
standard error) and `atomic` (files that are written whole or not at all).
"""

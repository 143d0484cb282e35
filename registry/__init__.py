"""The registry: what is in Production, who approved it, and on what evidence.

The packages in the order in which a model passes through them, then what all of them use:

model/       contract and scorer: what a model takes, and how a row becomes a probability
storage/     Azure Blob Storage: data sets, records, backups, and files that MLflow does not proxy
tracking/    the MLflow tracking server: candidates, entries of the ledger, files
provenance/  where a candidate comes from: verified, or claimed by its author
evaluation/  policy, gates and measures: a candidate against the model in Production
report/      the evaluation as a page for people, with plots
lifecycle/   the operations: evaluate, approve, promote, roll back, freeze, repair
rollout/     how the pods take the model in force, and whether they do worse with it
ledger/      signed statements, the chain that they form, tip and head
cli/         the commands of `python -m registry`
errors       one exception for each way to fail, and how validation errors are described
progress     progress and warnings of a command, on standard error
temporary    temporary folders that are gone at the end, also of a command that was stopped
atomic       files that are written whole or not at all

In the order cli, rollout, lifecycle, report, evaluation, provenance, tracking, storage, ledger,
model, each package imports only those to its right.
"""

from pathlib import Path

SHIPPED_POLICY = Path(__file__).parent / "policy.yaml"
"""The policy that applies where no other is named."""

"""The MLflow Project: from a file of transactions to a registered candidate.

cli               the commands `train`, `evaluate` and `rows`
run               one training run, from its parameters to the candidate
"""

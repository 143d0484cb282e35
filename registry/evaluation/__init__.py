"""Judging a candidate: the rows, what is measured on them, and the gates with their bounds.

rows        the evaluation rows, read from a Parquet file
metrics     how well scores find fraud
bootstrap   how sure a difference between two models is
gates/      one check each: it measures, and compares with its bounds
policy      the YAML file that lists the gates, their bounds and who may approve
evidence    the MLflow run that holds what was judged, and evidence.json, which names it all

Others use `rows.read_rows`, `policy.read_policy` and `evidence.fetched_evidence`.
"""

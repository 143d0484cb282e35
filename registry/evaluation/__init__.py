"""Evaluating a candidate: the rows, what is measured on them, and the gates with their bounds.

rows             the evaluation rows, read from a Parquet file
metrics          labelled rows, the cost of alerts, and thresholds
card_precision   Card Precision@k: how many of the k riskiest cards of a day are compromised
ranking          a model's scores on labelled rows, sorted once, and reweighted in a resample
measures         the one table of measures, each with its meaning, unit and gates that bound it
bootstrap        how certain a difference between two models is
pins             the packages that a model's files may ask for
model_files      what is wrong with a model's files, found without loading them
graph            what is wrong with an ONNX graph, found without running it
isolated         a model in a process of its own, with limits on time and memory
scoring_process  what runs in that process
frames           the messages between the two
looks            how often the same rows have judged, and the correction of an interval for it
parity           whether the ONNX model gives the probabilities of scikit-learn
gates/           one check each: it measures, and compares with its bounds
policy           the YAML file that lists the gates, their bounds and who may approve
evidence         the MLflow run that holds what was evaluated, and evidence.json, which lists it
plan             what a candidate will be judged on, in the ledger before it is judged

Others use `rows.read_rows`, `policy.read_policy`, `measures.detection` and
`evidence.fetch_evidence`.
"""

"""A model as everybody sees it: what it takes and gives, and how a row becomes a probability.

contract   what a model takes and gives, read from its MLmodel file
scorer     contract, array, ONNX session, probability: the same lines for gates, service and batch
record     what the service writes for each scored transaction, for batch and monitoring to read

Others use `contract.read_contract`, `contract.Contract`, `scorer.open_model` and `scorer.Scorer`.
"""

"""A model from the outside: what it takes and returns, and how a row becomes a probability.

contract   the model's inputs, threshold and origin, read from its MLmodel file
canonical  the one text of a category or an entity, whatever its type in a file
limits     how many inputs, categories and bins a contract may have
bins       the bins of the training histograms, and the distance from training
scorer     contract, array, ONNX session, probability: the same code for gates, service and batch
reasons    which inputs change a probability most: for service and batch
record     what the service writes for each scored transaction, for batch and monitoring to read

Used from outside: `contract.read_contract`, `contract.Contract`, `scorer.open_model` and
`scorer.Scorer`. A model is ONNX and nothing else: no pickle is ever loaded, because unpickling runs
code.
"""

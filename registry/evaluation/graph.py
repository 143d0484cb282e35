"""What is wrong with an ONNX graph, found without running it; and what it gives by the standard.

Parsing alone can take 200 times the file's size in memory: only the child process does it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from registry.errors import ContractError
from registry.model.scorer import MODEL_FILE, OUTPUT

MAX_NAMED, MAX_NAME_CHARACTERS = 20, 100
"""Of unknown operators: how many there are, and their names, are the author's choice."""


def graph_problems(
    content: bytes, opsets: Mapping[str, int], operators: Collection[str]
) -> list[str]:
    """Opsets, operators and parts of a graph that are not allowed, or that ONNX cannot read."""
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf raises its own family, also where memory runs out
        return [f"{_invalid(error)} (or it needs more memory than it may use)"]
    graph = model.graph
    problems = [
        f"opset {_domain(opset)[:MAX_NAME_CHARACTERS]} {opset.version} is not known"
        for opset in model.opset_import
        if opset.version > opsets.get(_domain(opset), 0)
    ][:MAX_NAMED]
    unknown = sorted({node.op_type for node in graph.node} - set(operators))
    problems += (
        f"operator {name[:MAX_NAME_CHARACTERS]} is not known" for name in unknown[:MAX_NAMED]
    )
    if len(unknown) > MAX_NAMED:
        problems.append(f"{len(unknown) - MAX_NAMED} more operators are not known")
    if len(model.functions) or any(_has_subgraph(node) for node in graph.node):
        problems.append(f"{MODEL_FILE} holds functions or sub-graphs")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(graph)):
        # The checker would look for them.
        return [*problems, f"{MODEL_FILE} keeps data in other files"]
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # onnx raises its own family
        problems.append(_invalid(error))
    return problems


def _domain(opset: onnx.OperatorSetIdProto) -> str:
    return str(opset.domain) or "ai.onnx"


def _invalid(error: Exception) -> str:
    return f"{MODEL_FILE} is not valid ONNX: {(str(error).splitlines() or [''])[0][:100]}"


def _has_subgraph(node: onnx.NodeProto) -> bool:
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in kinds for attribute in node.attribute)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a graph: its weights, and those that its nodes carry in attributes."""
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            sparse += (attribute.sparse_tensor, *attribute.sparse_tensors)
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def reference_scores(model: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities, shape (n,), of ONNX's reference implementation for rows (n, inputs).

    It is written in Python and numpy, and shares no code with onnxruntime. Raises ContractError
    where it fails, or does not return one number for each row.
    """
    try:
        evaluator = ReferenceEvaluator(onnx.load_model_from_string(model))
        # Warnings of numpy, such as on an overflow, show in the result.
        with np.errstate(all="ignore"):
            (scores,) = evaluator.run([OUTPUT], {evaluator.input_names[0]: rows})
    except MemoryError:
        raise
    except Exception as error:  # its operators raise errors of every kind
        raise ContractError(f"ONNX's reference implementation cannot run {MODEL_FILE}") from error
    if np.shape(scores) != (len(rows),):
        raise ContractError(f"the reference returns the shape {np.shape(scores)}")
    return np.asarray(scores, dtype=np.float32)

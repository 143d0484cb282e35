"""A fitted scikit-learn pipeline to the one ONNX file that is registered, judged and served."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from registry.model.scorer import OUTPUT
from training.calibrate import Calibrated, Sigmoid

OPSET = {"": 18, "ai.onnx.ml": 3}


def convert(model: Pipeline | Calibrated, width: int) -> onnx.ModelProto:
    """Convert to ONNX: one float32 input (n, width), one output `probability` of shape (n,).

    skl2onnx gives a label and a probability for each class; only the second class's is kept,
    because with more than one output `mlflow.pyfunc` fails on the model. Raises ValueError for a
    calibrated model whose converted form a sigmoid cannot be written into.
    """
    pipeline = model.pipeline if isinstance(model, Calibrated) else model
    converted: onnx.ModelProto = to_onnx(
        pipeline,
        initial_types=[("inputs", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    graph = converted.graph
    if isinstance(model, Calibrated):
        _write_sigmoid(graph, model.sigmoid)
    probabilities = graph.output[1].name
    index = helper.make_tensor("fraud_class", TensorProto.INT64, [], [1])
    graph.initializer.append(index)
    graph.node.append(helper.make_node("Gather", [probabilities, "fraud_class"], [OUTPUT], axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None]))
    onnx.checker.check_model(converted)
    return converted


def _write_sigmoid(graph: onnx.GraphProto, sigmoid: Sigmoid) -> None:
    """Scale and shift the classifier's own numbers, so that it costs nothing to compute.

    As nodes after the classifier it would make other last bits in a batch than for a row alone.
    """
    writers = {"TreeEnsembleClassifier": _into_trees, "LinearClassifier": _into_linear}
    for node in graph.node:
        if node.op_type in writers:
            given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            changed = {
                **given,
                **writers[node.op_type](given, sigmoid),
                "post_transform": "LOGISTIC",
            }
            del node.attribute[:]
            node.attribute.extend(helper.make_attribute(*one) for one in sorted(changed.items()))
            return
    raise ValueError("the converted model has no classifier that a sigmoid can be written into")


def _into_trees(given: dict[str, Any], sigmoid: Sigmoid) -> dict[str, Any]:
    weights = np.asarray(given["class_weights"], dtype=np.float64) * sigmoid.slope
    base = np.asarray(given.get("base_values", [0.0]), dtype=np.float64) * sigmoid.slope
    # onnxruntime leaves the sigmoid out where no leaf is negative, as in a forest: so the first
    # tree's leaves are lowered, and the base raised by as much.
    lowered = np.asarray(given["class_treeids"]) == given["class_treeids"][0]
    by = float(weights.max()) + 1.0 if weights.min() >= 0 else 0.0
    return {
        "class_weights": np.where(lowered, weights - by, weights).tolist(),
        "base_values": (base + sigmoid.intercept + by).tolist(),
    }


def _into_linear(given: dict[str, Any], sigmoid: Sigmoid) -> dict[str, Any]:
    of_genuine, of_fraud = np.asarray(given["intercepts"], dtype=np.float64) * sigmoid.slope
    return {
        "coefficients": (np.asarray(given["coefficients"]) * sigmoid.slope).tolist(),
        "intercepts": [of_genuine - sigmoid.intercept, of_fraud + sigmoid.intercept],
    }

"""Converting a fitted model to the ONNX file that is registered, evaluated and served.

Whether it gives the same probabilities is checked by the gates (`registry.evaluation.parity`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from registry.model.scorer import OUTPUT
from training.calibrate import CalibratedPipeline, Sigmoid

OPSET = {"": 18, "ai.onnx.ml": 3}


def convert(model: Pipeline | CalibratedPipeline, width: int) -> onnx.ModelProto:
    """Convert to ONNX: one float32 input (n, width), one output `probability` of shape (n,).

    skl2onnx outputs a label and the probabilities of both classes; only that of the second class
    is kept, because `mlflow.pyfunc` fails on a model with more than one output. Raises ValueError
    for a calibrated model if the converted graph has no classifier that can hold a sigmoid.
    """
    pipeline = model.pipeline if isinstance(model, CalibratedPipeline) else model
    converted: onnx.ModelProto = to_onnx(
        pipeline,
        initial_types=[("inputs", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    graph = converted.graph
    if isinstance(model, CalibratedPipeline):
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
    """Scale and shift the classifier's own coefficients, so that scoring costs nothing extra.

    As nodes after the classifier, the sigmoid would not be bit-identical for a row alone and in a
    batch.
    """
    writers = {"TreeEnsembleClassifier": _into_trees, "LinearClassifier": _into_linear}
    for node in graph.node:
        if node.op_type in writers:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            attributes |= writers[node.op_type](attributes, sigmoid)
            attributes["post_transform"] = "LOGISTIC"
            del node.attribute[:]
            node.attribute.extend(
                helper.make_attribute(name, value) for name, value in sorted(attributes.items())
            )
            return
    raise ValueError("the converted model has no classifier that a sigmoid can be written into")


def _into_trees(attributes: dict[str, Any], sigmoid: Sigmoid) -> dict[str, Any]:
    weights = np.asarray(attributes["class_weights"], dtype=np.float64) * sigmoid.slope
    base = np.asarray(attributes.get("base_values", [0.0]), dtype=np.float64) * sigmoid.slope
    # onnxruntime skips the sigmoid if no leaf is negative, as in a forest: the leaves of the first
    # tree are lowered, and the base value is raised by the same amount.
    tree_ids = np.asarray(attributes["class_treeids"])
    shift = float(weights.max()) + 1.0 if weights.min() >= 0 else 0.0
    return {
        "class_weights": np.where(tree_ids == tree_ids[0], weights - shift, weights).tolist(),
        "base_values": (base + sigmoid.intercept + shift).tolist(),
    }


def _into_linear(attributes: dict[str, Any], sigmoid: Sigmoid) -> dict[str, Any]:
    genuine, fraud = np.asarray(attributes["intercepts"], dtype=np.float64) * sigmoid.slope
    return {
        "coefficients": (np.asarray(attributes["coefficients"]) * sigmoid.slope).tolist(),
        "intercepts": [genuine - sigmoid.intercept, fraud + sigmoid.intercept],
    }

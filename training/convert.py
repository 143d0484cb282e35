"""A fitted scikit-learn pipeline to the one ONNX file that is registered, judged and served."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from registry.scorer import OUTPUT

OPSET = {"": 18, "ai.onnx.ml": 3}


def convert(pipeline: Pipeline, width: int) -> onnx.ModelProto:
    """Convert to ONNX: one float32 input (n, width), one output `probability` of shape (n,).

    skl2onnx gives a label and a probability for each class; only the second class's is kept,
    because with more than one output `mlflow.pyfunc` fails on the model.
    """
    model: onnx.ModelProto = to_onnx(
        pipeline,
        initial_types=[("inputs", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset=OPSET,
    )
    graph = model.graph
    probabilities = graph.output[1].name
    index = helper.make_tensor("fraud_class", TensorProto.INT64, [], [1])
    graph.initializer.append(index)
    graph.node.append(helper.make_node("Gather", [probabilities, "fraud_class"], [OUTPUT], axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None]))
    onnx.checker.check_model(model)
    return model

"""ONNX models made by hand, node by node: such as training never makes them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from registry.model.contract import Contract
from registry.model.scorer import OUTPUT, Scorer
from tests.candidates import contract

INPUT = "inputs"


def integer(name: str, value: int) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.INT64, [], [value])


def number(name: str, value: float) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [], [value])


def model_of(
    nodes: Sequence[onnx.NodeProto],
    tensors: Sequence[onnx.TensorProto] = (),
    *,
    width: int = 1,
    functions: Sequence[onnx.FunctionProto] = (),
    opset: int = 18,
) -> onnx.ModelProto:
    """One float32 input of shape (n, width), one output `probability` of shape (n,)."""
    graph = helper.make_graph(
        list(nodes),
        "by_hand",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None])],
        list(tensors),
    )
    versions = {"": opset, "ai.onnx.ml": 3} | ({"local": 1} if functions else {})
    return helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid(domain, version) for domain, version in versions.items()
        ],
        functions=list(functions),
        ir_version=8,
    )


def first_input(width: int = 1) -> onnx.ModelProto:
    """The probability is the first input, clipped to 0 … 1; NaN stays NaN."""
    return model_of(
        [
            helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
            helper.make_node("Clip", ["value", "zero", "one"], [OUTPUT]),
        ],
        [integer("first", 0), number("zero", 0.0), number("one", 1.0)],
        width=width,
    )


def share_of_largest(width: int = 1) -> onnx.ModelProto:
    """A fraud is what has 0.466 to 1 times the largest first input of the *batch*.

    All operators are allowed. On `tests.candidates.numbers` it finds all frauds but one; a row that
    is scored alone is the largest, and so never a fraud.
    """
    leaf, below = "LEAF", "BRANCH_LT"
    tree = helper.make_node(
        "TreeEnsembleClassifier",
        ["column"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * 5,
        nodes_nodeids=[0, 1, 2, 3, 4],
        nodes_featureids=[0] * 5,
        nodes_modes=[below, leaf, below, leaf, leaf],
        nodes_values=[0.466, 0.0, 1.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 3, 0, 0],
        nodes_falsenodeids=[2, 0, 4, 0, 0],
        class_treeids=[0] * 6,
        class_nodeids=[1, 1, 3, 3, 4, 4],
        class_ids=[0, 1] * 3,
        class_weights=[0.99, 0.01, 0.1, 0.9, 0.99, 0.01],
        classlabels_int64s=[0, 1],
    )
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Reshape", ["value", "one row"], ["row"]),
        helper.make_node("Normalizer", ["row"], ["shares"], domain="ai.onnx.ml", norm="MAX"),
        helper.make_node("Reshape", ["shares", "one column"], ["column"]),
        tree,
        helper.make_node("Gather", ["probabilities", "second"], [OUTPUT], axis=1),
    ]
    tensors = [
        integer("first", 0),
        integer("second", 1),
        helper.make_tensor("one row", TensorProto.INT64, [2], [1, -1]),
        helper.make_tensor("one column", TensorProto.INT64, [2], [-1, 1]),
    ]
    return model_of(nodes, tensors, width=width)


def scorer_of(model: onnx.ModelProto, described: Contract | None = None) -> Scorer:
    return Scorer(model.SerializeToString(), described or contract(("amount",)))

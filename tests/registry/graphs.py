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


def scorer_of(model: onnx.ModelProto, described: Contract | None = None) -> Scorer:
    return Scorer(model.SerializeToString(), described or contract(("amount",)))

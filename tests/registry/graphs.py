"""ONNX models made by hand, node by node: such as training never makes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

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


def looping(width: int = 1) -> onnx.ModelProto:
    """A loop without end: its condition stays true."""
    flag, numbers = TensorProto.BOOL, TensorProto.FLOAT
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["goes_on"]),
            helper.make_node("Identity", ["before"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", flag, []),
            helper.make_tensor_value_info("before", numbers, [None]),
        ],
        [
            helper.make_tensor_value_info("goes_on", flag, []),
            helper.make_tensor_value_info("after", numbers, [None]),
        ],
    )
    return model_of(
        [
            helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
            helper.make_node("Loop", ["", "forever", "value"], [OUTPUT], body=body),
        ],
        [integer("first", 0), helper.make_tensor("forever", flag, [], [True])],
        width=width,
    )


def hidden_loop(width: int = 1) -> onnx.ModelProto:
    """The same loop in a branch of an `If`."""
    model = looping()
    *_, loop = model.graph.node
    loop.output[0] = "looped"
    branches = {
        f"{name}_branch": helper.make_graph(
            [node], name, [], [helper.make_tensor_value_info(out, TensorProto.FLOAT, [None])]
        )
        for name, node, out in (
            ("then", loop, "looped"),
            ("else", helper.make_node("Identity", ["value"], ["same"]), "same"),
        )
    }
    nodes = [model.graph.node[0], helper.make_node("If", ["forever"], [OUTPUT], **branches)]
    return model_of(nodes, list(model.graph.initializer), width=width)


def doubling(times: int, *, constant: bool, width: int = 1) -> onnx.ModelProto:
    """Concat of a value with itself, again and again; of a constant, it is done when loaded."""
    start = "one" if constant else "value"
    names = [start, *(f"doubled{number}" for number in range(times))]
    nodes = [helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1)]
    for before, after in pairwise(names):
        nodes.append(helper.make_node("Concat", [before, before], [after], axis=0))
    nodes.append(helper.make_node("Gather", [names[-1], "only"], [OUTPUT], axis=0))
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    only = helper.make_tensor("only", TensorProto.INT64, [1], [0])
    return model_of(nodes, [integer("first", 0), one, only], width=width)


def not_a_number(width: int = 1) -> onnx.ModelProto:
    """Every probability is NaN."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Mul", ["value", "nan"], [OUTPUT]),
    ]
    return model_of(nodes, [integer("first", 0), number("nan", float("nan"))], width=width)


def twice_as_many(width: int = 1) -> onnx.ModelProto:
    """Two probabilities for each row."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Concat", ["value", "value"], [OUTPUT], axis=0),
    ]
    return model_of(nodes, [integer("first", 0)], width=width)


def growing(operator: str, width: int = 1) -> onnx.ModelProto:
    """A terabyte in 300 bytes: `ConstantOfShape`, `Expand` or `Tile`."""
    size = helper.make_tensor("size", TensorProto.INT64, [1], [2**38])
    inputs = {"ConstantOfShape": ["size"], "Expand": ["zero", "size"], "Tile": ["value", "size"]}
    return model_of(
        [
            helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
            helper.make_node(operator, inputs[operator], ["wide"]),
            helper.make_node("Gather", ["wide", "only"], [OUTPUT], axis=0),
        ],
        [
            *(integer("first", 0), number("zero", 0.0), size),
            helper.make_tensor("only", TensorProto.INT64, [1], [0]),
        ],
        width=width,
    )


def empty_nodes(count: int) -> bytes:
    """A model file of so many empty nodes: two bytes each, and a hundred times as many in memory.

    Protobuf's encoding by hand, since protobuf would take that memory here.
    """
    nodes = b"\x0a\x00" * count
    length = len(nodes)
    groups = [length >> shift & 127 for shift in (0, 7, 14, 21)]
    return bytes([0x3A, *(group | 128 for group in groups[:-1]), groups[-1]]) + nodes


def deep_tree(depth: int, width: int = 1) -> onnx.ModelProto:
    """A tree that is a chain. onnxruntime 1.32 loads trees recursively: its stack overflows."""
    leaves = depth + 1
    node = helper.make_node(
        "TreeEnsembleClassifier",
        [INPUT],
        ["label", "scores"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * (depth + leaves),
        nodes_nodeids=list(range(depth + leaves)),
        nodes_featureids=[0] * (depth + leaves),
        nodes_values=[0.5] * (depth + leaves),
        nodes_modes=["BRANCH_LEQ"] * depth + ["LEAF"] * leaves,
        nodes_truenodeids=[2 * depth - number for number in range(depth)] + [0] * leaves,
        nodes_falsenodeids=[number + 1 for number in range(depth)] + [0] * leaves,
        nodes_missing_value_tracks_true=[0] * (depth + leaves),
        class_treeids=[0],
        class_nodeids=[depth],
        class_ids=[1],
        class_weights=[1.0],
        classlabels_int64s=[0, 1],
        post_transform="NONE",
    )
    fraud = helper.make_node("Gather", ["scores", "one"], [OUTPUT], axis=1)
    return model_of([node, fraud], [integer("one", 1)], width=width)


def steps_node(
    source: str, edges: Sequence[float], values: Sequence[float], features: Sequence[int] = ()
) -> onnx.NodeProto:
    """A tree whose outputs are `label` and `probabilities`: values[i] of the first edge above.

    `features` names the column that is compared with each edge; the first if there are none. There
    is one value more than edges.
    """
    count = len(edges)
    leaves = range(count, 2 * count + 1)
    nodes = 2 * count + 1
    following = [*range(1, count), nodes - 1]
    return helper.make_node(
        "TreeEnsembleClassifier",
        [source],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * nodes,
        nodes_nodeids=list(range(nodes)),
        nodes_featureids=[*(features or [0] * count), *[0] * (count + 1)],
        nodes_modes=["BRANCH_LT"] * count + ["LEAF"] * (count + 1),
        nodes_values=[*edges, *[0.0] * (count + 1)],
        nodes_truenodeids=[*leaves[:-1], *[0] * (count + 1)],
        nodes_falsenodeids=[*following, *[0] * (count + 1)],
        class_treeids=[0] * (2 * len(leaves)),
        class_nodeids=[leaf for leaf in leaves for _ in range(2)],
        class_ids=[0, 1] * len(leaves),
        class_weights=[weight for value in values for weight in (1 - value, value)],
        classlabels_int64s=[0, 1],
    )


def _of_steps(
    nodes: Sequence[onnx.NodeProto], tensors: Sequence[onnx.TensorProto], width: int
) -> onnx.ModelProto:
    """A model that ends with `steps_node`."""
    last = helper.make_node("Gather", ["probabilities", "second"], [OUTPUT], axis=1)
    return model_of([*nodes, last], [*tensors, integer("second", 1)], width=width)


def steps(edges: Sequence[float], values: Sequence[float], width: int = 1) -> onnx.ModelProto:
    """The probability by the first input alone: values[i] below edges[i], and the last above."""
    return _of_steps([steps_node(INPUT, edges, values)], [], width)


def share_of_largest(width: int = 1) -> onnx.ModelProto:
    """A fraud is what has 0.466 to 1 times the largest first input of the *batch*.

    All operators are allowed. On `tests.candidates.numbers` it finds all frauds but one; a row that
    is scored alone is the largest, and so never a fraud.
    """
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["value"], axis=1),
        helper.make_node("Reshape", ["value", "one row"], ["row"]),
        helper.make_node("Normalizer", ["row"], ["shares"], domain="ai.onnx.ml", norm="MAX"),
        helper.make_node("Reshape", ["shares", "one column"], ["column"]),
        steps_node("column", (0.466, 1.0), (0.01, 0.9, 0.01)),
    ]
    tensors = [
        integer("first", 0),
        helper.make_tensor("one row", TensorProto.INT64, [2], [1, -1]),
        helper.make_tensor("one column", TensorProto.INT64, [2], [-1, 1]),
    ]
    return _of_steps(nodes, tensors, width)


def outside_its_definition(width: int) -> onnx.ModelProto:
    """As good as `steps((1.2,), (0.01, 0.9))`, but with 0.3 where `Normalizer` gives less than -1.

    By ONNX's definition it divides by the largest absolute value and never does; onnxruntime
    divides by the largest value.
    """
    nodes = [
        helper.make_node("Normalizer", [INPUT], ["shares"], domain="ai.onnx.ml", norm="MAX"),
        helper.make_node("Concat", [INPUT, "shares"], ["both"], axis=1),
        steps_node("both", (-1.001, 1.2), (0.3, 0.01, 0.9), features=(width, 0)),
    ]
    return _of_steps(nodes, [], width)


def scorer_of(model: onnx.ModelProto, described: Contract | None = None) -> Scorer:
    return Scorer(model.SerializeToString(), described or contract(("amount",)))

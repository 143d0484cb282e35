"""The gate that refuses pickles, unknown files, flavors and operators, and numbers that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import onnx
import yaml
from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.parity import parity
from registry.ledger.files import Files
from registry.model.scorer import MLMODEL_FILE, MODEL_FILE

KNOWN_FILES = frozenset(
    {
        MLMODEL_FILE,
        MODEL_FILE,
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "input_example.json",
        "serving_input_example.json",
    }
)
KNOWN_FLAVORS = frozenset({"onnx", "python_function"})
LOADER = "mlflow.onnx"
"""The only loader: others would unpickle, and loading a pickle runs the code in it."""


class IntegrityMeasured(Measured):
    problems: tuple[str, ...]
    parity_difference: float
    parity_rows: int
    evaluation_rows: int


class Integrity(Gate):
    """The files are those that were registered: ONNX, without a pickle or other code.

    Only known files, MLflow flavors, ONNX opsets and operators, with no data in other files: no
    pickle is ever loaded from the registry, since unpickling runs code. The digest is the one that
    was recorded at registration. The ONNX model gives scikit-learn's own probabilities within
    `parity_tolerance`, on at least `min_parity_rows` rows, or on as many as are evaluated where
    those are fewer.
    """

    name: ClassVar[str] = "integrity"
    measured_as: ClassVar[type[Measured]] = IntegrityMeasured
    units: ClassVar[Mapping[str, Unit]] = {"files": "whole"}

    parity_tolerance: Annotated[float, Field(gt=0, lt=1)]
    min_parity_rows: Annotated[int, Field(gt=0)] = 1000
    """Or the number of evaluation rows, where that is smaller: small data has no more."""

    opsets: dict[str, Annotated[int, Field(gt=0)]]
    operators: Annotated[tuple[str, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return "the files are ONNX of known operators and give scikit-learn's probabilities"

    def measure(self, trial: Trial) -> IntegrityMeasured:
        files = trial.candidate.files
        problems = [*file_problems(files), *self._graph_problems(files)]
        if trial.registered_sha256 is None:
            problems.append("no digest of the files was recorded when it was registered")
        elif files.manifest.digest != trial.registered_sha256:
            problems.append("the files are not those whose digest was recorded at registration")
        difference, count = parity(trial.candidate.scorer, trial.parity)
        return IntegrityMeasured(
            problems=tuple(problems),
            parity_difference=difference,
            parity_rows=count,
            evaluation_rows=len(trial.rows.labelled.labels),
        )

    def verdicts(self, measured: IntegrityMeasured) -> list[Verdict]:
        problems = measured.problems
        difference, count = measured.parity_difference, measured.parity_rows
        needed = min(self.min_parity_rows, measured.evaluation_rows)
        note = f"on {count:,} rows"
        if count < needed:
            note += f", {needed:,} are needed; train with more test rows, or lower min_parity_rows"
        return [
            self.verdict(
                part="files",
                asks="only known files, flavors and ONNX operators, as they were registered",
                measured=len(problems),
                bound=0,
                passed=not problems,
                note="; ".join(problems),
            ),
            self.verdict(
                part="parity",
                asks=f"ONNX gives scikit-learn's probabilities within {self.parity_tolerance:g}",
                measured=difference,
                bound=self.parity_tolerance,
                passed=0 < count >= needed and difference <= self.parity_tolerance,
                note=note,
            ),
        ]

    def _graph_problems(self, files: Files) -> list[str]:
        if MODEL_FILE not in files:
            return [f"there is no {MODEL_FILE}"]
        try:
            model = onnx.load_model_from_string(files[MODEL_FILE])
            onnx.checker.check_model(model)
        except Exception as error:  # protobuf and onnx each raise their own family
            return [f"{MODEL_FILE} is not valid ONNX: {str(error).splitlines()[0][:100]}"]
        problems = [
            f"opset {opset.domain or 'ai.onnx'} {opset.version} is not known"
            for opset in model.opset_import
            if opset.version > self.opsets.get(opset.domain or "ai.onnx", 0)
        ]
        unknown = {node.op_type for node in model.graph.node} - set(self.operators)
        problems += (f"operator {name} is not known" for name in sorted(unknown))
        if len(model.functions) or any(_has_subgraph(node) for node in model.graph.node):
            problems.append(f"{MODEL_FILE} holds functions or sub-graphs")
        if any(
            tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(model.graph)
        ):
            problems.append(f"{MODEL_FILE} keeps data in other files")
        return problems


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


def file_problems(files: Files) -> list[str]:
    """Files and flavors of a model that do not belong there."""
    unknown = set(files) - KNOWN_FILES
    problems = [f"file {name} is not known" for name in sorted(unknown)]
    try:
        flavors = yaml.safe_load(files[MLMODEL_FILE])["flavors"]
        problems += (f"flavor {name} is not known" for name in sorted(set(flavors) - KNOWN_FLAVORS))
        loader = flavors["python_function"]["loader_module"]
        if loader != LOADER:
            problems.append(f"the python_function flavor loads with {loader}")
    except (KeyError, TypeError, ValueError, yaml.YAMLError):
        problems.append("MLmodel names no flavors that can be read")
    return problems

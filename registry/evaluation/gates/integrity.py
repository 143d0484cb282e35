"""The gate that refuses pickles, unknown files, flavors and operators, and numbers that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import onnx
import yaml
from pydantic import Field

from registry.evaluation.gates.gate import Gate, Measured, Trial, Unit, Verdict
from registry.evaluation.parity import parity, reference_parity
from registry.ledger.manifest import Manifest
from registry.model.scorer import MODEL_FILE

KNOWN_FILES = frozenset(
    {
        "MLmodel",
        MODEL_FILE,
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "input_example.json",
        "serving_input_example.json",
    }
)
KNOWN_FLAVORS = frozenset({"onnx", "python_function"})
SEED = 20260105
LOADER = "mlflow.onnx"
"""The only loader: others would unpickle, and loading a pickle runs the code in it."""


class IntegrityMeasured(Measured):
    problems: tuple[str, ...]
    parity_difference: float
    parity_rows: int
    evaluation_rows: int
    reference_difference: float
    reference_rows: int


class Integrity(Gate):
    """The files are those that were registered: ONNX, without a pickle or other code.

    Only known files, MLflow flavors, ONNX opsets and operators, with no data in other files: no
    pickle is ever loaded from the registry, since unpickling runs code. The digest is the one that
    was recorded at registration.

    Parity, within `parity_tolerance`, twice. On the rows that training logged, at least
    `min_parity_rows` of them or as many as are evaluated where those are fewer, the ONNX model
    gives scikit-learn's own probabilities: that finds a faulty conversion, on the word of the
    candidate's author, who writes these rows. And on `reference_rows` of the evaluation rows
    onnxruntime gives the probabilities of ONNX's own reference implementation: so what the graph
    says is what is served, whatever the author logged.
    """

    name: ClassVar[str] = "integrity"
    measured_as: ClassVar[type[Measured]] = IntegrityMeasured
    units: ClassVar[Mapping[str, Unit]] = {"files": "whole"}

    parity_tolerance: Annotated[float, Field(gt=0, lt=1)]
    min_parity_rows: Annotated[int, Field(gt=0)] = 1000
    """Or the number of evaluation rows, where that is smaller: small data has no more."""

    reference_rows: Annotated[int, Field(gt=0, le=100_000)] = 500
    """The reference implementation takes some 3 ms for each row of the largest models."""

    opsets: dict[str, Annotated[int, Field(gt=0)]]
    operators: Annotated[tuple[str, ...], Field(min_length=1)]

    def __str__(self) -> str:
        return "the files are ONNX of known operators and give scikit-learn's probabilities"

    def measure(self, trial: Trial) -> IntegrityMeasured:
        folder = trial.candidate.folder
        graph_problems = self._graph_problems(folder)
        problems = [*file_problems(folder), *graph_problems]
        digest = Manifest.of(folder).digest
        if trial.registered_sha256 is None:
            problems.append("no digest of the files was recorded when it was registered")
        elif digest != trial.registered_sha256:
            problems.append("the files are not those whose digest was recorded at registration")
        difference, count = parity(trial.candidate.scorer, trial.parity)
        # Operators that are not allowed are not run in this process.
        reference = (1.0, 0) if graph_problems else self._reference_parity(trial)
        return IntegrityMeasured(
            problems=tuple(problems),
            parity_difference=difference,
            parity_rows=count,
            evaluation_rows=len(trial.rows.labelled.labels),
            reference_difference=reference[0],
            reference_rows=reference[1],
        )

    def _reference_parity(self, trial: Trial) -> tuple[float, int]:
        """The largest difference on a sample of the evaluation rows, and its size."""
        candidate = trial.candidate
        order = np.random.default_rng(SEED).permutation(len(candidate.scores))
        chosen = order[: self.reference_rows]
        rows = trial.rows.encoded(candidate.scorer.contract)[chosen]
        model = (candidate.folder / MODEL_FILE).read_bytes()
        return reference_parity(model, rows, candidate.scores[chosen]), len(chosen)

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
                asks="ONNX gives the probabilities that training logged as scikit-learn's within "
                f"{self.parity_tolerance:g}",
                measured=difference,
                bound=self.parity_tolerance,
                passed=0 < count >= needed and difference <= self.parity_tolerance,
                note=note,
            ),
            self.verdict(
                part="reference",
                asks="onnxruntime gives the probabilities of ONNX's reference implementation "
                f"within {self.parity_tolerance:g}",
                measured=measured.reference_difference,
                bound=self.parity_tolerance,
                passed=measured.reference_rows > 0
                and measured.reference_difference <= self.parity_tolerance,
                note=f"on {measured.reference_rows:,} evaluation rows"
                if measured.reference_rows
                else "not run, because of the problems of the graph",
            ),
        ]

    def _graph_problems(self, folder: Path) -> list[str]:
        try:
            model = onnx.load_model(folder / MODEL_FILE, load_external_data=False)
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


def file_problems(folder: Path) -> list[str]:
    """Files and flavors in a model's folder that do not belong there."""
    unknown = set(Manifest.of(folder).sha256) - KNOWN_FILES
    problems = [f"file {name} is not known" for name in sorted(unknown)]
    try:
        flavors = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]
        problems += (f"flavor {name} is not known" for name in sorted(set(flavors) - KNOWN_FLAVORS))
        loader = flavors["python_function"]["loader_module"]
        if loader != LOADER:
            problems.append(f"the python_function flavor loads with {loader}")
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        problems.append("MLmodel names no flavors that can be read")
    return problems

"""Attacks by the files of a candidate: graphs that harm the evaluation, code in other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import yaml

from registry.model.scorer import MODEL_FILE
from tests.registry.attacks.candidate import CandidateAttack, blocking
from tests.registry.graphs import deep_tree, doubling, empty_nodes, growing, hidden_loop, looping
from tests.world import POLICY, World

WIDTH = 3
"""Inputs of the candidates."""

HANG = "an evaluation that hangs"
EXHAUST = "an evaluation that takes all memory of its machine"
RUN_CODE = "its code runs wherever MLflow's own client loads the model"
INSTALL = "its code runs wherever MLflow builds the model's environment"


def _attack(
    name: str,
    how: str,
    gain: str,
    change: Callable[[Path], None],
    refusal: str,
    operators: str = "",
) -> CandidateAttack:
    """A candidate whose files its author changed; `operators` are allowed by the policy, too."""

    def attempt(world: World, folder: Path) -> str:
        policy = folder / "policy.yaml"
        text = POLICY.read_text().replace("[Cast,", f"[{operators} Cast,")
        text = text.replace("max_model_bytes: 1000000", "max_model_bytes: 20000000")
        policy.write_text(text + "limits: {memory_bytes: 1000000000}\n")
        _, evidence = world.evaluate(world.register_changed(change), policy)
        return blocking(evidence)

    return CandidateAttack(name, how, gain, attempt, refusal)


def _graph(model: onnx.ModelProto) -> Callable[[Path], None]:
    return _file(MODEL_FILE, model.SerializeToString())


def _file(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def _line(name: str, before: str, line: str) -> Callable[[Path], None]:
    """Insert a line before the first that starts with `before`."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, f"{line}\n{before}", 1))

    return change


def _pickle_flavor(folder: Path) -> None:
    content = yaml.safe_load((folder / "MLmodel").read_text())
    content["flavors"]["python_function"]["loader_module"] = "mlflow.sklearn"
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")


def _padded(folder: Path) -> None:
    model = onnx.load_model(folder / MODEL_FILE)
    model.doc_string = "x" * 20_000_000
    _graph(model)(folder)


CANDIDATE_FILES = (
    _attack(
        "graph that never ends",
        "`Loop` with a condition that stays true",
        HANG,
        _graph(looping(WIDTH)),
        "operator Loop is not known",
    ),
    _attack(
        "graph that never ends, hidden",
        "the same `Loop` in a branch of an `If`",
        HANG,
        _graph(hidden_loop(WIDTH)),
        "model.onnx holds functions or sub-graphs",
    ),
    _attack(
        "graph that grows when it runs",
        "`ConstantOfShape` of a terabyte, in 300 bytes",
        EXHAUST,
        _graph(growing("ConstantOfShape", WIDTH)),
        "operator ConstantOfShape is not known",
    ),
    _attack(
        "graph that grows when it is loaded, of allowed operators",
        "a constant, forty times concatenated with itself: onnxruntime computes it at the start",
        EXHAUST,
        _graph(doubling(40, constant=True, width=WIDTH)),
        "the candidate model needs more than 1 GB of memory",
        operators="Concat,",
    ),
    _attack(
        "graph that grows when it runs, of allowed operators",
        "the same with the input",
        EXHAUST,
        _graph(doubling(40, constant=False, width=WIDTH)),
        "the candidate model needs more than 1 GB of memory",
        operators="Concat,",
    ),
    _attack(
        "file that grows when it is parsed",
        "20 MB of empty nodes, each of two bytes",
        EXHAUST,
        _file(MODEL_FILE, empty_nodes(9_999_000)),
        "or it needs more memory than it may use",
    ),
    _attack(
        "graph that crashes onnxruntime",
        "a tree of allowed operators, 200,000 nodes deep, overflows the stack of its loader",
        "an evaluation that ends without a word, and so would every pod",
        _graph(deep_tree(200_000, WIDTH)),
        "the candidate model crashed the process that ran it",
        operators="TreeEnsembleClassifier,",
    ),
    _attack(
        "model larger than the policy allows",
        "20 MB of documentation in `model.onnx`",
        "pods without memory or disk",
        _padded,
        "model.onnx has 20.0005 MB, more than 20 MB",
    ),
    _attack(
        "additional file",
        "`loader.py` in the model's folder, registered with it",
        RUN_CODE,
        _file("loader.py", b"import os"),
        "file loader.py is not known",
    ),
    _attack(
        "pickle in place of ONNX",
        "`model.pkl`, and a flavor that loads it",
        RUN_CODE,
        _pickle_flavor,
        "the python_function flavor loads with mlflow.sklearn",
    ),
    _attack(
        "another package index",
        "`-i https://example.com` in `requirements.txt`",
        INSTALL,
        _line("requirements.txt", "numpy", "-i https://example.com"),
        "requirements.txt: '-i https://example.com' is not one of mlflow==",
    ),
    _attack(
        "wheel from elsewhere",
        "`https://example.com/numpy.whl` in `requirements.txt`",
        INSTALL,
        _line("requirements.txt", "numpy", "https://example.com/numpy.whl"),
        "requirements.txt: 'https://example.com/numpy.whl' is not one of mlflow==",
    ),
    _attack(
        "package without a version",
        "`numpy` in `requirements.txt`: the newest one, whoever published it",
        INSTALL,
        _line("requirements.txt", "numpy", "numpy"),
        "requirements.txt: 'numpy' is not one of mlflow==",
    ),
    _attack(
        "package in the environment of conda",
        "`git+https://example.com/numpy` in `conda.yaml`",
        INSTALL,
        _line("conda.yaml", "  - numpy", "  - git+https://example.com/numpy"),
        "conda.yaml: 'git+https://example.com/numpy' is not one of mlflow==",
    ),
    _attack(
        "another conda channel",
        "`https://example.com/channel` in `conda.yaml`",
        INSTALL,
        _line("conda.yaml", "- conda-forge", "- https://example.com/channel"),
        "conda.yaml: it names other channels than conda-forge",
    ),
    _attack(
        "build dependency",
        "`https://example.com/wheel.whl` in `python_env.yaml`",
        INSTALL,
        _line("python_env.yaml", "- wheel", "- https://example.com/wheel.whl"),
        "python_env.yaml: 'https://example.com/wheel.whl' is not a package",
    ),
)

"""What is wrong with the files of a model's folder, found without loading any of them.

ONNX and nothing else: no pickle is ever loaded from the registry, because unpickling runs code.
"""

from __future__ import annotations

import yaml

from registry.evaluation.pins import pin_problems
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

MAX_MODEL_BYTES = 100_000_000
"""Of the model, unless the policy says otherwise; training warns of a larger one."""

MAX_TEXT_BYTES = 1_000_000
"""Of every file but the model: reading a megabyte of YAML takes seconds."""

MAX_FILES = 50


def size_problems(files: Files, max_model_bytes: int) -> list[str]:
    """Files that are too large to be parsed."""
    if len(files) > MAX_FILES:
        return [f"there are {len(files)} files, more than {MAX_FILES}"]
    problems = []
    for name in sorted(files):
        size = len(files[name])
        allowed = max_model_bytes if name == MODEL_FILE else MAX_TEXT_BYTES
        if size > allowed:
            problems.append(f"{name} has {_megabytes(size)}, more than {_megabytes(allowed)}")
    return problems


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"


def file_problems(files: Files) -> list[str]:
    """Files, flavors and requirements of a model that do not belong there."""
    unknown = set(files) - KNOWN_FILES
    problems = [f"file {name} is not known" for name in sorted(unknown)]
    try:
        flavors = yaml.safe_load(files[MLMODEL_FILE])["flavors"]
        problems += (f"flavor {name} is not known" for name in sorted(set(flavors) - KNOWN_FLAVORS))
        loader = flavors["python_function"]["loader_module"]
        if loader != LOADER:
            problems.append(f"the python_function flavor loads with {loader}")
    except (KeyError, TypeError, ValueError, RecursionError, yaml.YAMLError):
        problems.append("MLmodel names no flavors that can be read")
    return [*problems, *pin_problems(files)]

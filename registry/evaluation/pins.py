"""The packages that a model's folder asks for: only our own, at the versions of this environment.

MLflow writes them in three files, for clients that build an environment to load the model in
(`mlflow models serve`). pip would take any index, address or package that stands there, and a wheel
runs code when it is imported. So only what MLflow 3.17 writes for our own models is accepted.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import yaml

from registry.ledger.files import Files

SERVING_LIBRARIES = ("numpy", "onnxruntime")
"""Training pins these in a model's requirements, and MLflow adds itself."""

MAX_SHOWN_CHARACTERS = 100

_VERSION = r"[0-9]+(\.[0-9]+)*(\.?[a-z]+[0-9]+)?"
_BUILD = re.compile(rf"(pip|setuptools|wheel)((==|<=){_VERSION})?")
_PYTHON = r"[0-9]+\.[0-9]+\.[0-9]+[a-z0-9]*"


def serving_pins() -> frozenset[str]:
    """`name==version` of each package that a model may ask for, as this environment has it."""
    return frozenset(f"{name}=={version(name)}" for name in (*SERVING_LIBRARIES, "mlflow"))


def pin_problems(files: Files) -> list[str]:
    """What the three files ask for beyond that; a file that is not there asks for nothing."""
    problems: list[str] = []
    for name, check in _CHECKS.items():
        if name in files:
            try:
                text = files[name].decode("ascii")
                problems += (f"{name}: {problem}" for problem in check(text))
            except (KeyError, TypeError, ValueError, RecursionError, yaml.YAMLError):
                problems.append(f"{name} is not as MLflow writes it")
    return problems


def _requirements(text: str) -> list[str]:
    return _pins(text.splitlines())


def _conda(text: str) -> list[str]:
    environment = yaml.safe_load(text)
    *packages, pip = environment["dependencies"]
    problems = [
        f"{_shown(package)} is not a package that MLflow writes there"
        for package in packages
        if not re.fullmatch(f"python={_PYTHON}", package) and not _BUILD.fullmatch(package)
    ]
    if environment["channels"] != ["conda-forge"]:
        problems.append("it names other channels than conda-forge")
    if unknown := [*_beyond(environment, "name", "channels", "dependencies"), *_beyond(pip, "pip")]:
        problems.append(f"it has the key {unknown[0]}")
    return [*problems, *_pins(pip["pip"])]


def _python_env(text: str) -> list[str]:
    environment = yaml.safe_load(text)
    problems = [
        f"{_shown(package)} is not a package that MLflow writes there"
        for package in environment["build_dependencies"]
        if not _BUILD.fullmatch(package)
    ]
    if not re.fullmatch(_PYTHON, environment["python"]):
        problems.append(f"{_shown(environment['python'])} is not a version of Python")
    if environment["dependencies"] != ["-r requirements.txt"]:
        problems.append("its dependencies are not those of requirements.txt")
    if unknown := _beyond(environment, "python", "build_dependencies", "dependencies"):
        problems.append(f"it has the key {unknown[0]}")
    return problems


_CHECKS = {
    "requirements.txt": _requirements,
    "conda.yaml": _conda,
    "python_env.yaml": _python_env,
}


def _pins(lines: list[str]) -> list[str]:
    allowed = serving_pins()
    return [
        f"{_shown(line)} is not one of {', '.join(sorted(allowed))}; train in the environment of "
        "the evaluation, and log no other requirements"
        for line in lines
        if line not in allowed
    ][:1]


def _beyond(mapping: dict[str, Any], *known: str) -> list[str]:
    return [_shown(key) for key in mapping if key not in known]


def _shown(text: object) -> str:
    return repr(text)[:MAX_SHOWN_CHARACTERS]

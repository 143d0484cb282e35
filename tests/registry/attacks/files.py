"""Attacks on the files of the entries: bytes, names, paths."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import urlsplit

from registry.model.scorer import MODEL_FILE
from tests.registry.attacks.attack import NO_PROBLEM, Attack, Refuses
from tests.registry.attacks.target import PROXY, Target

PYFUNC = b"""flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
"""


def swap_bytes(target: Target) -> None:
    target.put(target.source(2), MODEL_FILE, target.get(target.source(1), MODEL_FILE))


def edit_flavor(target: Target) -> None:
    target.put(target.source(2), "MLmodel", PYFUNC)


def add_file(target: Target) -> None:
    target.put(target.source(2), "loader.py", b"import os")


def add_file_below(target: Target) -> None:
    target.put(target.source(2), "code/sitecustomize.py", b"import os")


def add_file_with_forged_name(target: Target) -> None:
    target.put(target.source(2), "\u202esmelborp 0", b"")


def add_file_with_control_characters(target: Target) -> None:
    target.put(target.source(2), "\x1b[2J", b"")


def delete_file(target: Target) -> None:
    target.remove(target.source(2), MODEL_FILE)


def delete_folder(target: Target) -> None:
    target.remove(target.evidence_folder(2), "model")


def replace_folder_by_file(target: Target) -> None:
    delete_folder(target)
    target.put(target.evidence_folder(2), "model", b"")


def climb_out_of_the_folder(target: Target) -> None:
    """`requests` would resolve the dots itself, so this uses the HTTP client below it."""
    head = target.source(2).removeprefix("mlflow-artifacts:/")
    first = target.source(1).removeprefix("mlflow-artifacts:/")
    for dots in ("..", "%2e%2e", "%252e%252e"):
        up = "/".join([dots] * len(first.split("/")))
        connection = HTTPConnection(urlsplit(target.world.server.uri).netloc, timeout=20)
        connection.request("PUT", f"{PROXY}/{first}/{up}/{head}/{MODEL_FILE}", b"bytes")
        assert connection.getresponse().status == 400
        connection.close()


def link_file(target: Target) -> None:
    stored = target.world.server.stored
    file = stored(target.source(2)) / MODEL_FILE
    file.unlink()
    file.symlink_to(stored(target.source(1)) / MODEL_FILE)


def swap_bytes_of_an_older_entry(target: Target) -> None:
    target.put(target.source(1), MODEL_FILE, b"bytes")


def _on_head(name: str, how: str, do: Callable[[Target], None], difference: str) -> Attack:
    """An attack on the head's files: `verify` and a new pod give the same reason."""
    message = f"the files of ledger version 2: {difference}"
    return Attack(name, how, do, 3, message, Refuses(message), changes_files=True)


FILES = (
    _on_head(
        "bytes swapped",
        "A's `model.onnx` over B's, by `PUT` through the artifact proxy",
        swap_bytes,
        "model.onnx was changed",
    ),
    _on_head(
        "MLmodel edited to another flavor",
        "an `MLmodel` whose loader would unpickle",
        edit_flavor,
        "MLmodel was changed",
    ),
    _on_head("file added", "`loader.py` into the model's folder", add_file, "loader.py was added"),
    _on_head(
        "file added below",
        "`code/sitecustomize.py` into the model's folder",
        add_file_below,
        "code/sitecustomize.py was added",
    ),
    _on_head(
        "file added whose name reads as a message",
        "the name reverses the writing direction",
        add_file_with_forged_name,
        r"\u202esmelborp 0 was added",
    ),
    _on_head(
        "file added whose name clears the screen",
        "the name holds control characters, percent-encoded",
        add_file_with_control_characters,
        "%1b[2J was added",
    ),
    _on_head(
        "file deleted",
        "`DELETE` of `model.onnx` through the artifact proxy",
        delete_file,
        "model.onnx is missing",
    ),
    _on_head(
        "folder deleted",
        "`DELETE` of the model's folder",
        delete_folder,
        "MLmodel is missing; conda.yaml is missing; model.onnx is missing",
    ),
    _on_head(
        "folder replaced by a file",
        "`DELETE` of the model's folder, then `PUT` of a file of its name",
        replace_folder_by_file,
        "MLmodel is missing; conda.yaml is missing; model.onnx is missing",
    ),
    _on_head(
        "file replaced by a link",
        "on the server's disk, `model.onnx` becomes a symbolic link to A's",
        link_file,
        "model.onnx was changed",
    ),
    Attack(
        "path that climbs out of its folder",
        "`PUT` of `…/../…/model.onnx`, also as `%2e%2e`: the server answers 400",
        climb_out_of_the_folder,
        0,
        NO_PROBLEM,
    ),
    Attack(
        "bytes of an older entry swapped",
        "other bytes into A's `model.onnx`",
        swap_bytes_of_an_older_entry,
        3,
        "the files of ledger version 1: model.onnx was changed",
    ),
)

"""Only the exact files of a signed entry are handed out: the attacks that this must stop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import BytesMismatch, RegistryError
from registry.files import Manifest
from registry.ledger import Link
from registry.reader import fetch_verified
from tests.conftest import World


def change_one_byte(model: Path) -> None:
    content = bytearray((model / "model.onnx").read_bytes())
    content[100] ^= 1
    (model / "model.onnx").write_bytes(content)


def swap_two_files(model: Path) -> None:
    one, other = (model / name for name in ("requirements.txt", "conda.yaml"))
    one_bytes, other_bytes = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_bytes)
    other.write_bytes(one_bytes)


@pytest.fixture
def link(world: World) -> Link:
    return world.put_in_production()


def model_on_disk(world: World, link: Link) -> Path:
    return world.server.stored(link.statement.entry.source)


def test_the_files_that_were_approved_are_handed_out(
    world: World, link: Link, tmp_path: Path
) -> None:
    folder = fetch_verified(world.client, link, tmp_path / "fetched")
    assert sorted(path.name for path in folder.iterdir()) == [
        "MLmodel",
        "conda.yaml",
        "model.onnx",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert Manifest.of(folder) == link.statement.manifest


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change_one_byte, "model.onnx was changed"),
        (lambda model: (model / "MLmodel").unlink(), "MLmodel is missing"),
        (lambda model: (model / "extra.py").write_text(""), "extra.py was added"),
        (swap_two_files, "conda.yaml was changed; requirements.txt was changed"),
        (
            lambda model: (model / "model.onnx").rename(model / "model2.onnx"),
            "model.onnx is missing; model2.onnx was added",
        ),
    ],
    ids=["one byte", "missing", "added", "swapped", "renamed"],
)
def test_damaged_files_are_refused_and_named(
    world: World, link: Link, tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    damage(model_on_disk(world, link))
    with pytest.raises(BytesMismatch) as refusal:
        fetch_verified(world.client, link, tmp_path / "fetched")
    assert str(refusal.value) == f"the files of ledger version 1: {words}"


def test_files_that_are_all_gone_are_refused(world: World, link: Link, tmp_path: Path) -> None:
    shutil.rmtree(model_on_disk(world, link))
    with pytest.raises(RegistryError, match="model"):
        fetch_verified(world.client, link, tmp_path / "fetched")

"""Fetching returns the exact files of a signed entry, whatever is done to the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.store.artifact.azure_blob_artifact_repo import AzureBlobArtifactRepository

from registry.errors import BytesMismatch, Unreachable
from registry.ledger.chain import Link
from registry.ledger.files import Files
from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import Statement
from registry.storage.container import Container, open_container
from registry.tracking import fetch
from registry.tracking.fetch import fetch_verified
from registry.tracking.rest import Registry
from tests.registry.entries import promote
from tests.registry.tracking.fake_servers import fake_server
from tests.swapping import swapped_once_opened
from tests.world import World


def change_one_byte(model: Path) -> None:
    content = bytearray((model / "model.onnx").read_bytes())
    content[100] ^= 1
    (model / "model.onnx").write_bytes(content)


def swap_two_files(model: Path) -> None:
    first, second = model / "requirements.txt", model / "conda.yaml"
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)


@pytest.fixture
def link(world: World) -> Link:
    return world.put_in_production()


def model_on_disk(world: World, link: Link) -> Path:
    return world.server.stored(link.statement.entry.source)


def test_the_approved_files_are_fetched(world: World, link: Link) -> None:
    files = fetch_verified(Registry(world.server.uri), link)
    assert sorted(files) == [
        "MLmodel",
        "conda.yaml",
        "model.onnx",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert files.manifest == link.statement.manifest


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
    world: World, link: Link, damage: Callable[[Path], object], words: str
) -> None:
    damage(model_on_disk(world, link))
    with pytest.raises(BytesMismatch) as refusal:
        fetch_verified(Registry(world.server.uri), link)
    assert str(refusal.value) == f"the files of ledger version 1: {words}"


def test_each_missing_file_is_named(world: World, link: Link) -> None:
    shutil.rmtree(model_on_disk(world, link))
    with pytest.raises(BytesMismatch) as refusal:
        fetch_verified(Registry(world.server.uri), link)
    assert str(refusal.value) == (
        "the files of ledger version 1: MLmodel is missing; conda.yaml is missing; "
        "model.onnx is missing; python_env.yaml is missing; requirements.txt is missing"
    )


def test_an_added_file_is_named_and_not_downloaded(world: World, link: Link) -> None:
    model = model_on_disk(world, link)
    (model / "code" / "deep").mkdir(parents=True)
    (model / "code" / "deep" / "huge.bin").write_bytes(b"x" * 1000)
    downloaded: list[str] = []

    class Recording(Registry):
        def download(self, path: str, max_bytes: int) -> bytes:
            downloaded.append(path.rpartition("/")[2])
            return super().download(path, max_bytes)

    with pytest.raises(BytesMismatch, match=r"version 1: code/deep/huge\.bin was added$"):
        fetch_verified(Recording(world.server.uri), link)
    assert downloaded == [
        "MLmodel",
        "conda.yaml",
        "model.onnx",
        "python_env.yaml",
        "requirements.txt",
    ]


def test_an_empty_folder_beside_the_files_changes_nothing(world: World, link: Link) -> None:
    (model_on_disk(world, link) / "empty").mkdir()
    fetched = fetch_verified(Registry(world.server.uri), link)
    assert fetched.manifest == link.statement.manifest


def test_a_folder_flooded_with_files_is_refused_before_all_are_listed(
    world: World, link: Link
) -> None:
    for number in range(1000):
        (model_on_disk(world, link) / f"{number}.bin").touch()
    with pytest.raises(BytesMismatch, match="more than 1,000 files and folders"):
        fetch_verified(Registry(world.server.uri), link)


def signed_with_file(link: Link, name: str) -> Link:
    """An entry that could be signed with a stolen key."""
    return Link(link.version, Statement(files={name: "0" * 64}, entry=link.statement.entry))


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_even_a_signed_name_cannot_leave_the_folder(link: Link, name: str) -> None:
    listing = json.dumps({"files": [{"path": name}]}).encode()
    with fake_server(200, listing) as uri, pytest.raises(BytesMismatch, match="is a path outside"):
        fetch_verified(Registry(uri), signed_with_file(link, name))


@pytest.mark.parametrize("name", ["../../evil", "/evil", "..", "", "a/b", "%2e%2e"])
@pytest.mark.parametrize("is_dir", [True, False])
def test_a_listing_of_hostile_names_is_refused(link: Link, name: str, is_dir: bool) -> None:
    listing = json.dumps({"files": [{"path": name, "is_dir": is_dir}]}).encode()
    with fake_server(200, listing) as uri, pytest.raises(BytesMismatch):
        fetch_verified(Registry(uri), link)


def not_proxied(world: World, link: Link) -> Link:
    """The entry as it would be where the artifact store is Blob Storage."""
    source = model_on_disk(world, link).as_uri()
    entry = link.statement.entry.model_copy(update={"source": source})
    return Link(link.version, Statement(files=link.statement.files, entry=entry))


def test_a_downloaded_file_that_is_swapped_once_it_was_opened_does_not_count(
    world: World, link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with swapped_once_opened(tmp_path / "temporary", "model.onnx", b"other") as swapped:
        files = fetch_verified(Registry(world.server.uri), not_proxied(world, link))
    assert len(swapped) == 1
    assert sha256_of_bytes(files["model.onnx"]) == link.statement.files["model.onnx"]
    assert list((tmp_path / "temporary").glob("download-*")) == []


def test_files_that_the_server_does_not_proxy_are_fetched_by_mlflows_client(
    world: World, link: Link
) -> None:
    stored, direct = model_on_disk(world, link), not_proxied(world, link)
    fetched = fetch_verified(Registry(world.server.uri), direct)
    assert fetched.manifest == link.statement.manifest

    shutil.copy(stored / "MLmodel", stored / "added")
    with pytest.raises(BytesMismatch, match="version 1: added was added"):
        fetch_verified(Registry(world.server.uri), direct)


@pytest.fixture
def in_blobs(blobs: str, tmp_path: Path) -> Link:
    """An entry whose files MLflow has uploaded to Blob Storage."""
    files = Files({"MLmodel": b"name", "model.onnx": b"x" * 5000, "code/a.py": b""})
    files.write(tmp_path / "model")
    source = f"{blobs}/1/run/artifacts/model"
    AzureBlobArtifactRepository(source).log_artifacts(str(tmp_path / "model"))  # type: ignore[no-untyped-call]
    entry = promote("a", source=source).entry
    return Link(1, Statement(files=dict(files.manifest.sha256), entry=entry))


NOWHERE = Registry("http://127.0.0.1:1")
"""A tracking server that is not asked: it does not proxy these files."""


def test_files_in_blob_storage_are_fetched_and_only_those_of_the_statement(
    in_blobs: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = fetch_verified(NOWHERE, in_blobs)
    assert fetched.manifest == in_blobs.statement.manifest

    (tmp_path / "huge").write_bytes(b"x")
    read: list[str] = []
    real = Container.read
    with open_container(in_blobs.statement.entry.source) as folder:
        folder.upload(tmp_path / "huge", "code/huge.bin")
        folder.delete("MLmodel")

    def recorded(folder: Container, name: str, max_bytes: int) -> bytes:
        read.append(name)
        return real(folder, name, max_bytes)

    monkeypatch.setattr(Container, "read", recorded)
    with pytest.raises(BytesMismatch, match=r"code/huge\.bin was added") as refusal:
        fetch_verified(NOWHERE, in_blobs)
    assert "MLmodel is missing" in str(refusal.value)
    assert read == ["code/a.py", "model.onnx"]


def test_a_changed_blob_is_refused(in_blobs: Link, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"y" * 5000)
    with open_container(in_blobs.statement.entry.source) as folder:
        folder.delete("model.onnx")
        folder.upload(tmp_path / "other", "model.onnx")
    with pytest.raises(BytesMismatch, match=r"version 1: model\.onnx was changed$"):
        fetch_verified(NOWHERE, in_blobs)


def test_a_container_flooded_with_blobs_is_refused_before_all_are_listed(
    in_blobs: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_LISTED", 2)
    with pytest.raises(BytesMismatch, match="version 1: more than 2 files"):
        fetch_verified(NOWHERE, in_blobs)


@pytest.mark.parametrize(
    ("change", "words"),
    [(("/test-", "/none-"), "has no container"), (("blob.core", "blob.cor"), "names no storage")],
)
def test_blobs_that_cannot_be_read_are_unreachable(
    in_blobs: Link, change: tuple[str, str], words: str
) -> None:
    """A service then goes on with the verified copy in its cache."""
    source = in_blobs.statement.entry.source.replace(*change)
    entry = in_blobs.statement.entry.model_copy(update={"source": source})
    link = Link(1, Statement(files=in_blobs.statement.files, entry=entry))
    with pytest.raises(Unreachable, match=words):
        fetch_verified(NOWHERE, link)

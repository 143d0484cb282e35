"""Blobs in a real Azurite, by the identity of a pod: whole, checked, and never overwritten."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContentSettings

from deploy.local.azure import LocalAzure
from registry.errors import BytesMismatch, NotFound, Unreachable, UsageError
from registry.storage import client, transfer
from registry.storage.address import BlobAddress
from registry.storage.client import open_client
from registry.storage.container import Container, open_container

HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 1000)
    monkeypatch.setattr(client, "BLOCK_BYTES", 1000)


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    path = tmp_path / "hello"
    path.write_bytes(b"hello")
    return path


def put(address: str, name: str, content: bytes = b"hello", **options: Any) -> None:
    """Upload as another program does, over what is there."""
    with open_client(BlobAddress.parse(address)) as other:
        other.upload_blob(name, content, overwrite=True, **options)


def test_a_file_is_uploaded_listed_read_downloaded_and_deleted(
    blobs: str, hello: Path, tmp_path: Path
) -> None:
    with open_container(f"{blobs}/records") as folder:
        folder.upload(hello, "2026/a b+ü.parquet")
        assert [(blob.name, blob.size, blob.sha256) for blob in folder.list()] == [
            ("2026/a b+ü.parquet", 5, HELLO_SHA256)
        ]
        assert folder.properties("2026/a b+ü.parquet") == next(folder.list())
        assert folder.read("2026/a b+ü.parquet", 5) == b"hello"
        assert folder.download("2026/a b+ü.parquet", tmp_path / "arrived") == HELLO_SHA256
        assert (tmp_path / "arrived").read_bytes() == b"hello"
        for _ in range(2):
            folder.delete("2026/a b+ü.parquet")
        assert list(folder.list()) == []


@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 12_500])
def test_files_of_any_number_of_parts_arrive_whole(
    blobs: str, small_parts: None, tmp_path: Path, size: int
) -> None:
    content, sent, arrived = os.urandom(size), tmp_path / "sent", tmp_path / "arrived"
    sent.write_bytes(content)
    up: list[tuple[int, int]] = []
    down: list[tuple[int, int]] = []
    with open_container(blobs) as container:
        container.upload(sent, "a", lambda *done: up.append(done))
        digest = container.download("a", arrived, lambda *done: down.append(done))
        assert container.read("a", size) == content
    assert arrived.read_bytes() == content
    assert digest == hashlib.sha256(content).hexdigest()
    assert up[-1] == down[-1] == (size, size)
    assert [done for done, _ in down] == [*range(1000, size, 1000), size]


def test_the_same_file_may_be_uploaded_again_and_no_other(
    blobs: str, hello: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    with open_container(blobs) as container:
        container.upload(hello, "a")
        container.upload(hello, "a")
        with pytest.raises(UsageError, match="a blob with other content, which was not overwrit"):
            container.upload(other, "a")
        assert container.read("a", 5) == b"hello"


def test_what_another_program_uploaded_is_the_same_if_its_content_is(
    blobs: str, hello: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    put(blobs, "a")
    with open_container(blobs) as container:
        container.upload(hello, "a")
        with pytest.raises(UsageError, match="other content"):
            container.upload(other, "a")


def test_several_processes_may_upload_the_same_file_at_once(
    blobs: str, small_parts: None, tmp_path: Path
) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(4321))
    with open_container(blobs) as container, ThreadPoolExecutor(3) as pool:
        uploads = [pool.submit(container.upload, tmp_path / "sent", "a") for _ in range(3)]
        assert [each.result() for each in uploads] == [None] * 3
        assert container.read("a", 4321) == (tmp_path / "sent").read_bytes()


def test_a_blob_that_is_not_what_was_uploaded_is_refused(blobs: str, tmp_path: Path) -> None:
    put(blobs, "sha256", b"damaged", metadata={"sha256": HELLO_SHA256})
    put(blobs, "md5", b"damaged")
    with open_client(BlobAddress.parse(blobs)) as other:
        wrong = ContentSettings(content_md5=bytearray(16))
        other.get_blob_client("md5").set_http_headers(wrong)
    with open_container(blobs) as container:
        for name in ("sha256", "md5"):
            with pytest.raises(BytesMismatch, match=f"{name}: what arrived is not what was upload"):
                container.read(name, 7)
            with pytest.raises(BytesMismatch, match=f"{name}: what arrived is not what was upload"):
                container.download(name, tmp_path / "arrived")
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_is_replaced_during_its_download_is_not_mixed_from_both(
    blobs: str, small_parts: None, tmp_path: Path
) -> None:
    put(blobs, "a", b"x" * 10_000)

    def replace_at_first(done: int, _: int) -> None:
        if done == 1000:
            put(blobs, "a", b"y" * 10_000)

    with (
        open_container(blobs) as container,
        pytest.raises(Unreachable, match="the blob was replaced meanwhile; run the command again"),
    ):
        container.download("a", tmp_path / "a", replace_at_first)
    assert list(tmp_path.iterdir()) == []


def test_a_blob_is_not_read_beyond_its_bound(blobs: str) -> None:
    put(blobs, "a")
    with (
        open_container(blobs) as container,
        pytest.raises(Unreachable, match="/a: it has 5 bytes, and may have 4"),
    ):
        container.read("a", 4)


def test_compressed_content_arrives_as_it_was_uploaded(blobs: str) -> None:
    put(blobs, "a", b"\x1f\x8b...", content_settings=ContentSettings(content_encoding="gzip"))
    with open_container(blobs) as container:
        assert container.read("a", 100) == b"\x1f\x8b..."


def test_a_folder_holds_what_is_below_it_and_markers_are_no_blobs(blobs: str) -> None:
    for name in ("model/MLmodel", "model/code/a", "model2/MLmodel", "model.txt"):
        put(blobs, name)
    put(blobs, "model/code", b"", metadata={"hdi_isfolder": "true"})
    with open_container(blobs) as container:
        names = [blob.name for blob in container.list("model")]
        assert sorted(names) == ["model/MLmodel", "model/code/a"]
        assert len(list(container.list())) == 4
        assert list(container.list("none")) == []
        with pytest.raises(NotFound, match="model/code: it is a folder, not a blob"):
            container.properties("model/code")
    with open_container(f"{blobs.replace('wasbs', 'abfss').replace('.blob.', '.dfs.')}/model") as f:
        assert sorted(blob.name for blob in f.list()) == ["MLmodel", "code/a"]


def test_a_listing_goes_on_over_several_pages(
    blobs: str, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_container(blobs) as container:
        for number in range(5):
            container.upload(hello, str(number))
        real = container._client.list_blobs
        monkeypatch.setattr(
            container._client, "list_blobs", lambda **given: real(**given, results_per_page=2)
        )
        assert [blob.name for blob in container.list()] == ["0", "1", "2", "3", "4"]


Operation = Callable[[Container, Path, str], object]
OPERATIONS: dict[str, Operation] = {
    "list": lambda container, _, name: list(container.list(name)),
    "properties": lambda container, _, name: container.properties(name),
    "read": lambda container, _, name: container.read(name, 5),
    "download": lambda container, path, name: container.download(name, path.with_name("arrived")),
    "upload": lambda container, path, name: container.upload(path, name),
    "delete": lambda container, _, name: container.delete(name),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_container_that_does_not_exist_is_named(
    blobs: str, hello: Path, operation: Operation
) -> None:
    address = blobs.replace("test-", "none-")
    with open_container(address) as container, pytest.raises(NotFound) as failure:
        operation(container, hello, "a")
    name = BlobAddress.parse(address).container
    assert str(failure.value).endswith(
        f": storage account fraudteam has no container {name!r}; check the address, or create the "
        "container"
    )
    assert list(hello.parent.iterdir()) == [hello]


def test_a_blob_that_does_not_exist_is_named(blobs: str, tmp_path: Path) -> None:
    missing = f"^looking for {blobs}/a: there is no such blob; check the address$"
    with open_container(blobs) as container:
        with pytest.raises(NotFound, match=missing):
            container.properties("a")
        with pytest.raises(NotFound, match=missing):
            container.read("a", 5)
        with pytest.raises(NotFound, match=missing):
            container.download("a", tmp_path / "a")


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_no_name_leads_out_of_the_address(hello: Path, operation: Operation) -> None:
    with (
        open_container("wasbs://data@fraudteam.blob.core.windows.net/x") as folder,
        pytest.raises(UsageError, match=r"none of them `\.` or `\.\.`"),
    ):
        operation(folder, hello, "../a")


def test_those_without_an_identity_use_a_connection_string(
    storage: LocalAzure, blobs: str, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", storage.connection_string)
    with open_container(blobs) as container:
        container.upload(hello, "a")
        assert container.read("a", 5) == b"hello"

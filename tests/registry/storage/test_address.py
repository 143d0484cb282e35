"""Addresses in Azure Blob Storage: what is read from them, and which are refused."""

from __future__ import annotations

import pytest
from mlflow.store.artifact.azure_blob_artifact_repo import AzureBlobArtifactRepository

from registry.errors import UsageError
from registry.storage.address import BlobAddress, is_blob_address

ADDRESS = "wasbs://models@fraudteam.blob.core.windows.net"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (ADDRESS, BlobAddress("fraudteam", "models")),
        (f"{ADDRESS}/", BlobAddress("fraudteam", "models")),
        (f"{ADDRESS}/a b/c%20d/", BlobAddress("fraudteam", "models", "a b/c%20d")),
        (
            "abfss://models@fraudteam.dfs.core.windows.net/a%20b",
            BlobAddress("fraudteam", "models", "a b"),
        ),
        (
            "wasbs://$web@fraudteam.blob.core.chinacloudapi.cn/a",
            BlobAddress("fraudteam", "$web", "a", "chinacloudapi.cn"),
        ),
        (
            "abfss://a-b-1@fraudteam.dfs.core.usgovcloudapi.net/a",
            BlobAddress("fraudteam", "a-b-1", "a", "usgovcloudapi.net"),
        ),
    ],
)
def test_an_address_is_parsed(text: str, address: BlobAddress) -> None:
    assert BlobAddress.parse(text) == address
    assert BlobAddress.parse(str(address)) == address


@pytest.mark.parametrize("cloud", ["windows.net", "chinacloudapi.cn", "usgovcloudapi.net"])
def test_mlflow_reads_the_same_from_an_address(cloud: str) -> None:
    text = f"wasbs://models@fraudteam.blob.core.{cloud}/1/abc/artifacts/a b%20c"
    address = BlobAddress.parse(text)
    parsed = AzureBlobArtifactRepository.parse_wasbs_uri(text)  # type: ignore[no-untyped-call]
    assert parsed == (
        address.container,
        address.account,
        address.path,
        address.account_url.removeprefix("https://fraudteam."),
    )
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3://bucket/secret", "not an address in Azure Blob Storage; it has the form wasbs://"),
        ("wasb://models@fraudteam.blob.core.windows.net", "not an address in Azure Blob Storage"),
        ("wasbs://[secret", "not an address in Azure Blob Storage"),
        (f"{ADDRESS}/a?sig=secret", "leave out a shared access signature"),
        (f"{ADDRESS}/a#secret", "takes no `?` and no `#`"),
        ("wasbs://models@fraudteam.dfs.core.windows.net", "names no storage account"),
        ("abfss://models@fraudteam.blob.core.windows.net", "names no storage account"),
        ("wasbs://models@fraudteam.blob.core.windows.net.secret.example", "names no storage"),
        ("wasbs://models@fraudteam.blob.core.windows.net:secret", "names no storage account"),
        ("wasbs://fraudteam.blob.core.windows.net/secret", "names no container"),
        ("wasbs://models:secret@fraudteam.blob.core.windows.net", "names no container"),
        ("wasbs://Secret@fraudteam.blob.core.windows.net", "names no container"),
        ("wasbs://se--cret@fraudteam.blob.core.windows.net", "names no container"),
        (f"wasbs://{'a' * 64}@fraudteam.blob.core.windows.net", "names no container"),
        (f"{ADDRESS}/a/../../secret", "none of them `.` or `..`"),
        (f"{ADDRESS}/a//b", "parts between single `/`"),
        ("abfss://models@fraudteam.dfs.core.windows.net/%2e%2e/secret", "none of them `.`"),
        (f"{ADDRESS}/{'a' * 1025}", "up to 1,024 characters"),
    ],
)
def test_a_wrong_address_is_refused_without_being_shown(text: str, words: str) -> None:
    with pytest.raises(UsageError) as refusal:
        BlobAddress.parse(text)
    assert words in str(refusal.value)
    assert "secret" not in str(refusal.value).lower()


def test_folder_and_name_of_a_blob() -> None:
    address = BlobAddress.parse(f"{ADDRESS}/a/b.csv")
    assert (str(address.parent), address.name) == (f"{ADDRESS}/a", "b.csv")
    assert address.parent.child("b.csv") == address
    assert str(address.parent.parent) == ADDRESS


@pytest.mark.parametrize("name", ["", "..", "a/../..", "/a", "a/", "a\\b", "a\nb", "a\u2028b", "."])
def test_a_name_cannot_lead_out_of_an_address(name: str) -> None:
    with pytest.raises(UsageError, match="the name of a blob needs parts between single"):
        BlobAddress.parse(f"{ADDRESS}/a").child(name)


@pytest.mark.parametrize("name", ["a b", "a\u00a0b", "\U0001f469\u200d\U0001f680", "…/日本"])
def test_a_name_may_have_any_letter_or_space(name: str) -> None:
    assert BlobAddress.parse(ADDRESS).child(name).path == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [(ADDRESS, True), ("abfss://x", True), ("wasbs/a.csv", False), ("wasbs", False), ("", False)],
)
def test_an_address_is_told_from_a_path(text: str, expected: bool) -> None:
    assert is_blob_address(text) is expected

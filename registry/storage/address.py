"""Addresses in Azure Blob Storage, as MLflow and Hadoop write them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from registry.errors import UsageError

SCHEMES = {"wasbs": "blob", "abfss": "dfs"}
"""The schemes, and the service of the account that each names."""
MAX_NAME = 1024
"""Characters of a blob's name, as Azure limits it."""
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, surrogates, and ends of lines and paragraphs."""
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}|\$(?:root|web|logs)")
_HOST = re.compile(
    r"(?P<account>[a-z0-9]{3,24})\.(?P<service>blob|dfs)\.core\."
    r"(?P<cloud>windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)"
)


@dataclass(frozen=True)
class BlobAddress:
    """A blob or a folder of blobs: `path` is its name in the container; empty, the container."""

    account: str
    container: str
    path: str = ""
    cloud: str = "windows.net"

    @classmethod
    def parse(cls, text: str) -> BlobAddress:
        """Parse `wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH`, or its form with `abfss`
        and `dfs`; also of Azure China and Azure Government.

        As MLflow reads them, `%20` is a space in an `abfss` address only. Raises UsageError, never
        with the address in it: it may hold a shared access signature.
        """
        try:
            parts = urlsplit(text)
        except ValueError:
            raise UsageError(f"not an address in Azure Blob Storage; {_EXPECTED}") from None
        if parts.scheme not in SCHEMES:
            raise UsageError(f"not an address in Azure Blob Storage; {_EXPECTED}")
        if "?" in text or "#" in text:
            raise UsageError(
                "an address in Azure Blob Storage takes no `?` and no `#`: leave out a shared "
                "access signature, which would end up in logs, and grant the identity a role"
            )
        container, _, host = parts.netloc.rpartition("@")
        matched = _HOST.fullmatch(host)
        if matched is None or matched["service"] != SCHEMES[parts.scheme]:
            raise UsageError(f"the address names no storage account; {_EXPECTED}")
        if not _CONTAINER.fullmatch(container) or len(container) > 63:
            raise UsageError(
                "the address names no container, whose name has 3 to 63 lower-case letters, "
                f"digits and single hyphens; {_EXPECTED}"
            )
        path = unquote(parts.path) if parts.scheme == "abfss" else parts.path
        address = cls(matched["account"], container, "", matched["cloud"])
        return address.child(path.strip("/")) if path.strip("/") else address

    @property
    def account_url(self) -> str:
        """Of the account's blob service, which a Data Lake account (`dfs`) has as well."""
        return f"https://{self.account}.blob.core.{self.cloud}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> BlobAddress:
        """The folder that holds this blob or folder."""
        return replace(self, path=self.path.rpartition("/")[0])

    def child(self, name: str) -> BlobAddress:
        """What has a name below this address. Raises UsageError for one that leads elsewhere."""
        path = f"{self.path}/{name}" if self.path else name
        if not is_plain(path):
            raise UsageError(
                "the name of a blob needs parts between single `/`, none of them `.` or `..`, "
                f"without backslash or control character, and up to {MAX_NAME:,} characters"
            )
        return replace(self, path=path)

    def __str__(self) -> str:
        host = self.account_url.removeprefix("https://")
        return f"wasbs://{self.container}@{host}/{self.path}".rstrip("/")


_EXPECTED = (
    "it has the form wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH or "
    "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
)


def is_blob_address(text: str) -> bool:
    """Whether a text is meant as an address in Azure Blob Storage, rather than as a path."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def is_plain(name: str) -> bool:
    """Whether a name is that of one blob or file, and below the folder it is looked for in.

    Azure's SDK and file systems alike would take `..` to lead out of the folder.
    """
    parts = name.split("/")
    return (
        len(name) <= MAX_NAME
        and not any(part in ("", ".", "..") for part in parts)
        and "\\" not in name
        and not any(unicodedata.category(letter) in _CONTROL for letter in name)
    )

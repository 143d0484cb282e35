"""The registry over MLflow's REST API: the ledger's versions, and the files behind an address.

Without MLflow's client, whose import alone takes a pod longer than everything else until it is
ready (docs/decisions/rest.md). Source: MLflow 3 REST API, and `mlflow-artifacts` as its server
proxies it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from registry.errors import Unreachable, UsageError, VerificationError, first_error, on_one_line
from registry.ledger.chain import Version
from registry.tracking.connection import Connection
from registry.tracking.names import PRODUCTION, PROMPT_TAG, STATEMENT_TAG

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
VERSIONS_A_PAGE, MOST_TAGS, MOST_VERSIONS = 50, 1000, 100_000
PAGE_BYTES = 8 * 2**20
LEDGER_BYTES = 64 * 2**20
"""Of all pages together: 10,000 entries and more, and less than a pod has memory for."""
FOLDER_BYTES = 2**20

Parsed = TypeVar("Parsed", bound=BaseModel)


class _Tag(BaseModel):
    key: str
    value: str = ""


class _Version(BaseModel):
    version: int
    source: str = ""
    tags: Annotated[list[_Tag], Field(max_length=MOST_TAGS)] = []

    @property
    def envelope(self) -> str | None:
        return next((tag.value for tag in self.tags if tag.key == STATEMENT_TAG), None)


class _Versions(BaseModel):
    model_versions: Annotated[list[_Version], Field(max_length=VERSIONS_A_PAGE)] = []
    next_page_token: str = ""


class _Model(BaseModel):
    latest_versions: list[_Version] = []


class _Models(BaseModel):
    registered_models: list[_Model] = []


class File(BaseModel):
    """A file or folder in a listing; `path` is its name in the folder that was asked for."""

    path: str
    is_dir: bool = False


class _Files(BaseModel):
    files: list[File] = []


class Registry:
    """A tracking server, asked by a reader of the ledger."""

    def __init__(self, uri: str | None) -> None:
        """`uri` is the server's address; nothing is sent yet.

        Raises UsageError for anything but an http(s) address: the ledger needs one server that
        everybody reads, not a local folder. Also for a wrong variable of `Access`.
        """
        self._connection = Connection(uri)
        self.uri = uri or ""

    def versions(self) -> list[Version]:
        """The versions of `fraud-detector-production`, as the server tells them, by number.

        Raises Unreachable, and VerificationError where the server has versions that it does not
        list.
        """
        doing = "reading the ledger"
        versions = self._listed(doing)
        if not versions and self._has_versions(doing):
            versions = self._listed(doing)  # the first may have landed after the list was made
            if not versions:
                raise VerificationError(
                    f"MLflow hides the versions of {PRODUCTION}: one of them, or one that was "
                    f"deleted, carries the tag {PROMPT_TAG}; take that tag off, in the database "
                    "if need be"
                )
        return versions

    def _listed(self, doing: str) -> list[Version]:
        versions: list[Version] = []
        size = 0
        while True:
            # The server counts its pages in places: by a page token, a version could slip from
            # one page to another that was read before, if others are touched or deleted meanwhile.
            last = versions[-1].number if versions else 0
            query = {
                "filter": f"name='{PRODUCTION}' and version_number > {last}",
                "max_results": str(VERSIONS_A_PAGE),
                "order_by": "version_number ASC",
            }
            path = f"{API}/model-versions/search"
            page, bytes_read = self._ask(_Versions, doing, path, query, PAGE_BYTES)
            listed = [Version(one.version, one.source, one.envelope) for one in page.model_versions]
            versions += listed
            if not page.next_page_token:
                return versions
            size += bytes_read
            too_long = size > LEDGER_BYTES or len(versions) > MOST_VERSIONS
            if too_long or not listed or listed[-1].number <= last:
                raise Unreachable(f"{doing}: the list of versions is too long, or has no end")

    def _has_versions(self, doing: str) -> bool:
        """Whether the registered model has versions, listed or not.

        MLflow lists no version of a model as soon as one of them has the tag that marks prompts; an
        empty ledger would invite a first promotion, which is compared with nothing.
        """
        name = f"name='{PRODUCTION}'"
        path = f"{API}/registered-models/search"
        for kind in (name, f"{name} and tags.`{PROMPT_TAG}` = 'true'"):
            found, _ = self._ask(_Models, doing, path, {"filter": kind}, PAGE_BYTES)
            if any(model.latest_versions for model in found.registered_models):
                return True
        return False

    def files(self, folder: str) -> list[File]:
        """What a folder of the artifact store holds; empty where there is none.

        `folder` is a path below the store's root. Raises Unreachable.
        """
        doing = f"listing {folder}"
        return self._ask(_Files, doing, ARTIFACTS, {"path": folder}, FOLDER_BYTES)[0].files

    def fetch(self, path: str, destination: Path, most_bytes: int) -> int:
        """Write one file of the artifact store to `destination`; return its size in bytes.

        The bytes are as the server gives them: hash them before use. Raises Unreachable, also for
        more than `most_bytes`, and UsageError where it cannot be written.
        """
        pieces = self._connection.get(
            f"fetching {path}", f"{ARTIFACTS}/{quote(path)}", {}, most_bytes
        )
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            with destination.open("wb") as file:
                return sum(file.write(piece) for piece in pieces)
        except OSError as error:
            raise UsageError(f"{destination}: {error.strerror}") from error

    def _ask(
        self, kind: type[Parsed], doing: str, path: str, query: dict[str, str], most_bytes: int
    ) -> tuple[Parsed, int]:
        """An answer and its size in bytes."""
        content = b"".join(self._connection.get(doing, path, query, most_bytes))
        try:
            answer = kind.model_validate_json(content)
            # MLflow leaves out what is empty; anything else that lacks it is somebody else's.
            if not answer.model_fields_set and json.loads(content):
                raise Unreachable(f"{doing}: the answer is not MLflow's")
            return answer, len(content)
        except ValidationError as error:
            first = first_error(error)
            field = on_one_line(first.field)[:100]
            reason = f"{field}: {first.message}" if field else first.message
            raise Unreachable(f"{doing}: the answer is not MLflow's ({reason})") from None

"""The registry over MLflow's REST API: the ledger's versions, and the files behind an address.

Without MLflow's client, whose import alone takes a pod longer than everything else until it is
ready (docs/decisions/rest.md). Source: MLflow 3 REST API, and `mlflow-artifacts` as its server
proxies it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from registry.access import Connection
from registry.errors import Unreachable, UsageError, VerificationError, on_one_line
from registry.ledger import Version
from registry.names import PRODUCTION, PROMPT_TAG, STATEMENT_TAG

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
VERSIONS_A_PAGE = 100
LEDGER_BYTES = 64 * 2**20
"""Of all statements together: 10,000 entries and more, and less than a pod has memory for."""
LISTING_BYTES = 32 * 2**20
FILE_BYTES = 2 * 2**30
"""No ONNX file is larger: protobuf's own limit."""

Parsed = TypeVar("Parsed", bound=BaseModel)


class _Tag(BaseModel):
    key: str
    value: str = ""


class _Version(BaseModel):
    version: int
    source: str = ""
    tags: list[_Tag] = []

    @property
    def envelope(self) -> str | None:
        return next((tag.value for tag in self.tags if tag.key == STATEMENT_TAG), None)


class _Versions(BaseModel):
    model_versions: list[_Version] = []
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
        if not uri or not uri.startswith(("http://", "https://")):
            raise UsageError(
                "set MLFLOW_TRACKING_URI to the tracking server's address, "
                "such as http://127.0.0.1:5000 (`make demo` starts one there)"
            )
        self.uri = uri
        self._connection = Connection(uri)

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
            page = self._ask(_Versions, doing, f"{API}/model-versions/search", query)
            listed = [Version(one.version, one.source, one.envelope) for one in page.model_versions]
            versions += listed
            if not page.next_page_token:
                return versions
            size += sum(len(one.source) + len(one.envelope or "") for one in listed)
            if size > LEDGER_BYTES or not listed or listed[-1].number <= last:
                raise Unreachable(f"{doing}: the list of versions is too long, or has no end")

    def _has_versions(self, doing: str) -> bool:
        """Whether the registered model has versions, listed or not.

        MLflow lists no version of a model as soon as one of them has the tag that marks prompts; an
        empty ledger would invite a first promotion, which is compared with nothing.
        """
        name = f"name='{PRODUCTION}'"
        path = f"{API}/registered-models/search"
        return any(
            model.latest_versions
            for kind in (name, f"{name} and tags.`{PROMPT_TAG}` = 'true'")
            for model in self._ask(_Models, doing, path, {"filter": kind}).registered_models
        )

    def files(self, folder: str) -> list[File]:
        """What a folder of the artifact store holds; empty where there is none.

        `folder` is a path below the store's root. Raises Unreachable.
        """
        return self._ask(_Files, f"listing {folder}", ARTIFACTS, {"path": folder}).files

    def fetch(self, path: str, destination: Path) -> None:
        """Write one file of the artifact store to `destination`, in a folder that is there.

        The bytes are as the server gives them: hash them before use. Raises Unreachable, also for
        more than 2 GiB, and UsageError where it cannot be written.
        """
        pieces = self._connection.get(
            f"fetching {path}", f"{ARTIFACTS}/{quote(path)}", {}, FILE_BYTES
        )
        try:
            with destination.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise UsageError(f"{destination}: {error.strerror}") from error

    def _ask(self, kind: type[Parsed], doing: str, path: str, query: dict[str, str]) -> Parsed:
        content = b"".join(self._connection.get(doing, path, query, LISTING_BYTES))
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = on_one_line(".".join(str(part) for part in first["loc"]))[:100]
            reason = f"{where}: {first['msg']}" if where else first["msg"]
            raise Unreachable(f"{doing}: the answer is not MLflow's ({reason})") from None

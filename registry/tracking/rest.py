"""The registry over MLflow's REST API: the ledger's versions, and the files of the artifact store.

Without MLflow's client, whose import takes longer than the rest of a pod's start together
(docs/decisions/rest.md). Source: MLflow 3 REST API, and `mlflow-artifacts` as its server proxies
them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from registry.errors import Unreachable, VerificationError, first_error, on_one_line
from registry.ledger.chain import MAX_VERSIONS, Version
from registry.tracking.client_settings import MAX_RETRIES
from registry.tracking.connection import Connection, TooLarge
from registry.tracking.names import PRODUCTION, PROMPT_TAG, STATEMENT_TAG

API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
VERSIONS_PER_PAGE = 50
NEWEST_VERSIONS = 20
MAX_PAGE_BYTES = 8 * 2**20
"""A page of versions, and so a version: an entry has 0.2 MB at the most, because MLflow takes no
tag of more than 100,000 characters."""
MAX_LISTING_BYTES = 2**20
"""The listing of one folder."""

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


_START_OF_PAGE = re.compile(
    rb'\s*{\s*"model_versions":\s*\[\s*{\s*"name":\s*"%b",\s*"version":\s*"([0-9]{1,19})"'
    % PRODUCTION.encode()
)
"""What precedes everything that a client could have written, so that it cannot be forged."""


class _Versions(BaseModel):
    model_versions: Annotated[list[_Version], Field(max_length=VERSIONS_PER_PAGE)] = []
    next_page_token: str = ""


class _Model(BaseModel):
    latest_versions: list[_Version] = []


class _Models(BaseModel):
    registered_models: list[_Model] = []


class File(BaseModel):
    """A file or folder in the listing of a folder; `path` is its name in that folder."""

    path: str
    is_dir: bool = False


class _Files(BaseModel):
    files: list[File] = []


class Registry:
    """A tracking server, as the readers of the ledger use it."""

    def __init__(self, uri: str | None, *, default_retries: int = MAX_RETRIES) -> None:
        """`uri` is the server's address; nothing is sent yet.

        Transient failures are retried `default_retries` times, unless the environment variable
        MLFLOW_HTTP_REQUEST_MAX_RETRIES says otherwise.

        Raises UsageError for anything but an http(s) address: the ledger needs one server that
        all share, not a local folder. Also for a wrong variable of `Access`.
        """
        self._connection = Connection(uri, default_retries)
        self.uri = uri or ""
        self.default_retries = default_retries

    def versions(self, first: int = 1, page: int = VERSIONS_PER_PAGE) -> Iterator[Version]:
        """The versions of `fraud-detector-production` from number `first` on, by number.

        They are unverified: fold them. They are read page by page, as the caller asks for them; the
        first request asks for `page` versions. Raises Unreachable, and VerificationError where the
        server has versions that it does not list.
        """
        operation = "reading the ledger"
        is_empty = True
        for version in self._list_versions(operation, first, page):
            is_empty = False
            yield version
        if is_empty and first == 1 and self._has_versions(operation):
            # The first may have been appended meanwhile.
            for version in self._list_versions(operation, first, page):
                is_empty = False
                yield version
            if is_empty:
                raise VerificationError(
                    f"MLflow hides the versions of {PRODUCTION}: one of them, or one that was "
                    f"deleted, has the tag {PROMPT_TAG}; remove that tag, in the database if "
                    "necessary"
                )

    def newest_versions(self) -> list[Version]:
        """The newest `NEWEST_VERSIONS` versions, by number, in one request; nothing where there are
        no more than these, or where they are too large for one response.

        They are unverified, as those of `versions` are. Raises Unreachable.
        """
        try:
            listed, is_all = self._page("reading the ledger", "DESC", NEWEST_VERSIONS, last=0)
        except TooLarge:
            return []
        return [] if is_all else listed[::-1]

    def _list_versions(self, operation: str, first: int, size: int) -> Iterator[Version]:
        last, count = first - 1, 0
        while True:
            try:
                listed, is_last = self._page(operation, "ASC", size, last)
            except TooLarge:
                if size == 1:
                    raise
                size //= 2
                continue
            yield from listed
            if is_last:
                return
            count += len(listed)
            if count > MAX_VERSIONS or not listed or listed[-1].number <= last:
                raise Unreachable(f"{operation}: the list of versions is too long, or endless")
            last, size = listed[-1].number, min(2 * size, VERSIONS_PER_PAGE)

    def _page(
        self, operation: str, order: Literal["ASC", "DESC"], size: int, last: int
    ) -> tuple[list[Version], bool]:
        """Up to `size` versions after number `last`, and whether there are no others.

        Raises TooLarge for a page of several versions: one of them may have been given tags that
        no reader could keep. Alone, such a version is listed by its number.
        """
        # Not by page token, which stands for an offset: if versions are edited or deleted
        # meanwhile, another version can move to a page that was read before.
        query = {
            "filter": f"name='{PRODUCTION}' and version_number > {last}",
            "max_results": str(size),
            "order_by": f"version_number {order}",
        }
        content = bytearray()
        try:
            path = f"{API}/model-versions/search"
            for chunk in self._connection.get(operation, path, query, MAX_PAGE_BYTES):
                content += chunk
        except TooLarge:
            start = _START_OF_PAGE.match(content)
            if size > 1 or start is None:
                raise
            return [Version(int(start[1]), "", None, too_large=True)], False
        page = _parsed(_Versions, operation, bytes(content))
        listed = [
            Version(version.version, version.source, version.envelope)
            for version in page.model_versions
        ]
        return listed, not page.next_page_token

    def _has_versions(self, operation: str) -> bool:
        """Whether the registered model has versions, listed or not.

        MLflow lists no version of a model once one of them has the tag that marks prompts. Taken
        for an empty ledger, it would invite a first promotion, which is compared with nothing.
        """
        model = f"name='{PRODUCTION}'"
        path = f"{API}/registered-models/search"
        for query in (model, f"{model} and tags.`{PROMPT_TAG}` = 'true'"):
            page = self._get(_Models, operation, path, {"filter": query}, MAX_PAGE_BYTES)
            if any(listed.latest_versions for listed in page.registered_models):
                return True
        return False

    def files(self, folder: str) -> list[File]:
        """What a folder of the artifact store holds; nothing where there is no such folder.

        `folder` is a path below the store's root. Raises Unreachable.
        """
        operation, query = f"listing {folder}", {"path": folder}
        return self._get(_Files, operation, ARTIFACTS, query, MAX_LISTING_BYTES).files

    def download(self, path: str, max_bytes: int) -> bytes:
        """One file of the artifact store. Unverified: hash it before use.

        Raises Unreachable, also for more than `max_bytes`.
        """
        address = f"{ARTIFACTS}/{quote(path)}"
        content = BytesIO()  # whose buffer becomes the bytes: joined chunks would be there twice
        for chunk in self._connection.get(f"downloading {path}", address, {}, max_bytes):
            content.write(chunk)
        return content.getvalue()

    def read(
        self,
        kind: type[Parsed],
        operation: str,
        path: str,
        query: dict[str, str],
        posted: dict[str, Any] | None = None,
    ) -> Parsed:
        """The response of an endpoint of MLflow's API, to a POST where `posted` is given.

        Raises Unreachable as `Connection.get` does, and for what is not a response of that kind.
        """
        body = None if posted is None else json.dumps(posted).encode()
        content = self._connection.get(operation, f"{API}/{path}", query, MAX_PAGE_BYTES, body)
        return _parsed(kind, operation, b"".join(content))

    def _get(
        self, kind: type[Parsed], operation: str, path: str, query: dict[str, str], max_bytes: int
    ) -> Parsed:
        content = b"".join(self._connection.get(operation, path, query, max_bytes))
        return _parsed(kind, operation, content)


def _parsed(kind: type[Parsed], operation: str, content: bytes) -> Parsed:
    """A response; raises Unreachable for one that is not from MLflow."""
    try:
        response = kind.model_validate_json(content)
        # MLflow leaves out empty fields. An object of other fields alone is not from MLflow.
        if not response.model_fields_set and json.loads(content):
            raise Unreachable(f"{operation}: not an MLflow response")
    except ValidationError as error:
        first = first_error(error)
        field = on_one_line(first.field)[:100]
        reason = f"{field}: {first.message}" if field else first.message
        raise Unreachable(f"{operation}: not an MLflow response ({reason})") from None
    return response

"""The registry over REST: a real server, a hostile one, one that is not MLflow, and none."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.local.processes import free_port
from registry.errors import Unreachable
from registry.lifecycle.append import append
from registry.tracking import rest
from registry.tracking.client import connect, read_ledger
from registry.tracking.names import PRODUCTION, STATEMENT_TAG
from registry.tracking.rest import File, Registry
from tests.registry.entries import TRUST
from tests.registry.tracking.fake_servers import fake_server, send, serving
from tests.world import World


def test_a_server_without_the_registered_model_has_an_empty_ledger(world: World) -> None:
    assert world.ledger.chain == ()
    assert world.ledger.findings == ()


def test_versions_of_other_models_are_not_entries(world: World) -> None:
    world.register()
    assert world.ledger.findings == ()


def test_a_version_is_read_with_its_number_source_and_statement(world: World) -> None:
    source = f"{world.client.get_run(world.evaluate(world.register())[0][:32]).info.artifact_uri}"
    run_id = source.split("/")[-2]
    world.client.create_registered_model(PRODUCTION)
    for tags in ({}, {STATEMENT_TAG: "junk"}, {"other": "x"}):
        world.client.create_model_version(PRODUCTION, source, run_id=run_id, tags=tags)
    assert [str(one) for one in world.ledger.findings] == [
        "version 1 is passed over: it has no statement",
        "version 2 is passed over: the statement is not a DSSE envelope",
        "version 3 is passed over: it has no statement",
    ]
    assert world.ledger.head is None


def test_a_server_that_is_away_is_unreachable() -> None:
    client = connect(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable, match="reading the ledger: "):
        read_ledger(client, TRUST)


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_server_that_refuses_is_unreachable(status: int) -> None:
    with (
        fake_server(status, b"<html>no\nmore</html>") as uri,
        pytest.raises(Unreachable) as failure,
    ):
        read_ledger(connect(uri), TRUST)
    assert str(failure.value).startswith("reading the ledger: ")
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>please log in</html>",
        b"null",
        b"[]",
        b'{"model_versions": 5}',
        b'{"model_versions": [{"version": "latest"}]}',
        b'{"model_versions": [{"version": []}]}',
    ],
)
def test_a_malformed_response_is_unreachable(body: bytes) -> None:
    with fake_server(200, body) as uri, pytest.raises(Unreachable, match="reading the ledger: "):
        read_ledger(connect(uri), TRUST)


def test_a_version_whose_statement_has_no_value_is_passed_over() -> None:
    version = {"name": PRODUCTION, "version": "1", "tags": [{"key": STATEMENT_TAG}]}
    body = json.dumps({"model_versions": [version]}).encode()
    with fake_server(200, body) as uri:
        ledger = read_ledger(connect(uri), TRUST)
    assert [finding.kind for finding in ledger.findings] == ["passed over"]


def page(numbers: range, *, more: bool) -> bytes:
    versions = [{"name": PRODUCTION, "version": str(one)} for one in numbers]
    token = "x" if more else ""
    return json.dumps({"model_versions": versions, "next_page_token": token}).encode()


def test_a_long_list_is_read_by_number_and_not_by_page_token() -> None:
    requests = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        query = parse_qs(urlsplit(handler.path).query)
        requests.append((query["filter"][0].rpartition("> ")[2], "page_token" in query))
        after = int(requests[-1][0])
        send(handler, 200, page(range(after + 1, min(after + 50, 105) + 1), more=after < 100))

    with serving(respond) as uri:
        versions = list(Registry(uri).versions())
    assert [one.number for one in versions] == list(range(1, 106))
    assert requests == [("0", False), ("50", False), ("100", False)]


@pytest.mark.parametrize("numbers", [range(0), range(1, 3)], ids=["no version", "the same again"])
def test_an_endless_list_is_given_up(numbers: range) -> None:
    with fake_server(200, page(numbers, more=True)) as uri, pytest.raises(Unreachable) as failure:
        list(Registry(uri).versions())
    assert str(failure.value) == (
        "reading the ledger: the list of versions is too long, or endless"
    )


def test_a_list_that_grows_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_VERSIONS", 199)

    after: list[int] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        after.append(int(handler.path.rpartition("%3E+")[2].partition("&")[0]))
        send(handler, 200, page(range(after[-1] + 1, after[-1] + 51), more=True))

    with serving(respond) as uri, pytest.raises(Unreachable, match="is too long"):
        list(Registry(uri).versions())
    assert after == [0, 50, 100, 150]


def test_a_page_that_is_too_large_and_not_of_mlflow_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest, "MAX_PAGE_BYTES", 1000)
    with fake_server(200, b" " * 1001) as uri, pytest.raises(Unreachable) as failure:
        list(Registry(uri).versions())
    assert str(failure.value) == "reading the ledger: the response is larger than 1,000 bytes"


def append_with_tags(world: World, tags: dict[str, str]) -> None:
    head = world.ledger.head
    assert head
    run_id = head.statement.entry.evidence.run_id
    world.client.create_model_version(
        PRODUCTION, head.statement.entry.source, run_id=run_id, tags=tags
    )


def test_a_version_whose_tags_no_page_can_hold_is_listed_by_its_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put_in_production()
    for length in (10, 20_000, 10):
        append_with_tags(world, {str(number): "x" * length for number in range(10)})
    append(world.client, world.trust, world.signer, world.next_promotion("again"))
    monkeypatch.setattr(rest, "MAX_PAGE_BYTES", 100_000)
    assert [str(one) for one in world.ledger.findings] == [
        "version 2 is passed over: it has no statement",
        "version 3 is passed over: its tags are too large to be read",
        "version 4 is passed over: it has no statement",
    ]
    assert [link.version for link in world.ledger.chain] == [1, 5]


def test_a_version_of_very_many_tags_stops_no_reader(world: World) -> None:
    world.put_in_production()
    append_with_tags(world, {str(number): "x" for number in range(1200)})
    assert [str(one) for one in world.ledger.findings] == [
        "version 2 is passed over: it has no statement"
    ]


def test_versions_are_read_from_a_number_on(world: World) -> None:
    world.put_in_production()
    for _ in range(2):
        append_with_tags(world, {})
    registry = Registry(world.server.uri)
    assert [one.number for one in registry.versions(2)] == [2, 3]
    assert list(registry.versions(4)) == []


def test_a_folder_of_the_artifact_store_is_listed_and_its_files_downloaded(
    world: World,
) -> None:
    link = world.put_in_production()
    folder = link.statement.entry.source.removeprefix("mlflow-artifacts:/")
    registry = Registry(world.server.uri)
    assert File(path="model.onnx", is_dir=False) in registry.files(folder)
    assert File(path="model", is_dir=True) in registry.files(folder.rpartition("/")[0])
    stored = world.server.stored(link.statement.entry.source) / "MLmodel"
    assert registry.download(f"{folder}/MLmodel", 10_000) == stored.read_bytes()


def test_special_characters_in_a_name_are_quoted() -> None:
    paths = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        paths.append(handler.path)
        send(handler, 200, b"")

    with serving(respond) as uri:
        Registry(f"{uri}/behind/a/gateway/").download("1/a b/50%?x#y", 10)
    path = "/behind/a/gateway/api/2.0/mlflow-artifacts/artifacts/1/a%20b/50%25%3Fx%23y"
    assert paths == [path]


def test_a_folder_that_is_not_there_is_empty(world: World) -> None:
    assert Registry(world.server.uri).files("none/model") == []


def test_a_file_that_is_not_there_is_unreachable(world: World) -> None:
    with pytest.raises(Unreachable, match=r"^downloading none/MLmodel: HTTP 404"):
        Registry(world.server.uri).download("none/MLmodel", 10)


def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    with (
        fake_server(200, b"", b"x" * 11) as uri,
        pytest.raises(Unreachable, match="the response is larger than 10 bytes"),
    ):
        Registry(uri).download("1/model.onnx", 10)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"files": 5}', b'{"files": [{"path": 5}]}'])
def test_a_malformed_listing_is_unreachable(body: bytes) -> None:
    with fake_server(200, body) as uri, pytest.raises(Unreachable) as failure:
        Registry(uri).files("1/model")
    assert str(failure.value).startswith("listing 1/model: not an MLflow response (")


@pytest.mark.parametrize(
    "body", [b'{"error": "login required"}', b'{"model_versions": null}', b'{"a": {}}']
)
def test_json_of_another_service_is_not_an_empty_ledger(body: bytes) -> None:
    with fake_server(200, body) as uri, pytest.raises(Unreachable, match="not an MLflow response"):
        list(Registry(uri).versions())


def test_a_page_of_more_versions_than_requested_is_refused() -> None:
    with (
        fake_server(200, page(range(1, 52), more=False)) as uri,
        pytest.raises(Unreachable) as failure,
    ):
        list(Registry(uri).versions())
    assert str(failure.value).startswith(
        "reading the ledger: not an MLflow response (model_versions: List should have at most "
    )


def test_control_characters_in_the_name_of_a_folder_are_escaped() -> None:
    with fake_server(500, b"") as uri, pytest.raises(Unreachable) as failure:
        Registry(uri).files("1/\x1b[2J\nserving")
    assert str(failure.value) == "listing 1/\\x1b[2J\\nserving: HTTP 500 Internal Server Error"

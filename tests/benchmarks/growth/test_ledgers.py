"""The ledgers of the growth benchmark are ledgers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.growth.ledgers import TRUST, entries, served, write_files
from registry.evaluation.evidence import Evidence
from registry.ledger.fold import fold
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.statement import EvidenceRef
from registry.tracking.connection import Connection
from registry.tracking.names import PRODUCTION


def test_all_entries_are_in_the_chain_and_each_promotes_another_model() -> None:
    ledger = fold(entries(7), TRUST)
    assert (len(ledger.chain), ledger.findings) == (7, ())
    assert len({link.model for link in ledger.chain}) == 7


def test_every_third_is_a_rollback_where_that_is_asked_for() -> None:
    ledger = fold(entries(7, rollbacks=True), TRUST)
    assert [link.statement.entry.action for link in ledger.chain] == [
        *("promote", "promote", "rollback", "promote", "promote", "rollback", "promote"),
    ]
    assert ledger.chain[2].model == ledger.chain[1].model


def test_the_files_of_an_entry_are_those_of_its_statement(tmp_path: Path) -> None:
    statement = fold(entries(1), TRUST).chain[0].statement
    run = write_files(tmp_path, 1)

    folder = tmp_path / "2" / run / "artifacts"
    evidence = Evidence.model_validate_json((folder / "evidence.json").read_bytes())
    assert statement.entry.evidence == EvidenceRef(
        run_id=run, sha256=sha256_of(folder / "evidence.json")
    )
    assert Manifest.of(folder / "model") == statement.manifest
    assert Manifest.of(folder).sha256.keys() == {*evidence.files, "evidence.json"}
    assert statement.entry.source == f"mlflow-artifacts:/2/{run}/artifacts/model"


def test_a_server_lists_them_in_the_size_of_real_ones() -> None:
    with served(120) as registry:
        assert fold(registry.versions(), TRUST) == fold(entries(120), TRUST)
        query = {"filter": f"name='{PRODUCTION}' and version_number > 119"}
        path = "/api/2.0/mlflow/model-versions/search"
        size = len(b"".join(Connection(registry.uri).get("reading", path, query, 10_000)))
    assert 2500 < size < 3500

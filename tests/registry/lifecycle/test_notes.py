"""What MLflow's UI says of the ledger's entries."""

from __future__ import annotations

from pathlib import Path

from registry.ledger.manifest import sha256_of_bytes
from registry.ledger.statement import EvidenceRef
from registry.lifecycle.notes import describe, evidence_of
from tests.registry import entries
from tests.registry.trials import evidence_of as made
from tests.registry.trials import measurements_of, policy_of
from tests.world import World

ENTRY = entries.promote("a").entry
FREEZE = entries.repeated("freeze", entries.promote("a"), entries.promote("a")).entry
DIGEST = "e" * 64


def test_a_promotion_says_what_it_is_what_was_measured_and_since_when(tmp_path: Path) -> None:
    evidence = made(policy_of(tmp_path), measurements_of())
    evidence.measurements["decisions"] = {"threshold": 0.0625}
    assert (
        describe(ENTRY, evidence)
        == f"""\
**Candidate 4** of `fraud-detector`, in Production from 2026-05-04 03:02 UTC on: \
promote by `github:alice`.

| on the evaluation rows | |
|---|---|
| average precision | 0.800 |
| threshold | 0.0625 |
| transactions | 8, of which 3 are frauds |
| period | 2026-04-01 to 2026-04-02 |

[Evidence](#/runs/beef) `beef@sha256:{DIGEST}`: 11 of 12 checks passed; advisory: latency.ratio.

> fewer false alerts – Müller

<https://example.com/approvals/1>"""
    )


def test_without_the_gates_that_measure_a_number_it_is_left_out(tmp_path: Path) -> None:
    evidence = made(policy_of(tmp_path), measurements_of())
    evidence.measurements.clear()
    text = describe(ENTRY, evidence)
    assert "| transactions | 8, of which 3 are frauds |" in text
    assert "average precision" not in text
    assert "threshold" not in text


def test_what_puts_nothing_in_force_claims_nothing_about_production() -> None:
    assert describe(FREEZE.model_copy(update={"url": ""}), None) == (
        "At 2026-05-04 03:02 UTC: freeze by `github:alice`.\n\n> fewer false alerts – Müller"
    )


def test_a_description_is_no_longer_than_mlflow_stores() -> None:
    assert len(describe(ENTRY.model_copy(update={"comment": "long " * 2000}), None)) == 5000


def test_evidence_is_read_by_its_digest_and_left_out_if_it_is_another(world: World) -> None:
    entry = world.put_in_production().statement.entry
    evidence = evidence_of(world.client, entry)
    assert evidence
    assert evidence.candidate == entry.candidate
    other = EvidenceRef(run_id=entry.evidence.run_id, sha256=sha256_of_bytes(b"other"))
    assert evidence_of(world.client, entry.model_copy(update={"evidence": other})) is None
    gone = {"source": "mlflow-artifacts:/1/gone/artifacts/model"}
    assert evidence_of(world.client, entry.model_copy(update=gone)) is None

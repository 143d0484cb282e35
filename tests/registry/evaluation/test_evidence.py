"""Evidence: its name, its one file that names all others, and where it must lie."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import gettempdir

import pytest
from pydantic import ValidationError

from registry.errors import NotFound, Refused, UsageError
from registry.evaluation.evidence import (
    Evidence,
    fetch_evidence,
    parse_reference,
    past_sentences,
    write_evidence,
)
from registry.evaluation.gates.gate import Verdict
from registry.ledger.manifest import Manifest, sha256_of
from registry.ledger.statement import EvidenceRef
from tests.candidates import NAMES, files_of, saved_model
from tests.registry.trials import evidence_of, measurements_of, policy_of
from tests.swapping import swapped_once_opened
from tests.world import World

DIGEST = "0123456789abcdef" * 4


def test_a_reference_names_the_run_and_the_digest() -> None:
    reference = parse_reference(f"  4f2a@sha256:{DIGEST}\n")
    assert reference == EvidenceRef(run_id="4f2a", sha256=DIGEST)
    assert str(reference) == f"4f2a@sha256:{DIGEST}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4f2a",
        DIGEST,
        f"sha256:{DIGEST}",
        f"@sha256:{DIGEST}",
        f"4f2a@sha256:{DIGEST[1:]}",
        f"4f2a@sha256:{DIGEST}0",
        f"4f2a@sha256:{DIGEST.upper()}",
        f"4f2a@md5:{DIGEST}",
        f"../4f2a@sha256:{DIGEST}",
        f"4f2a@sha256:{DIGEST} and more",
    ],
)
def test_anything_else_is_no_reference(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not RUN@sha256:DIGEST; copy the line"):
        parse_reference(text)


def test_evidence_reads_back_as_it_was_written(world: World, tmp_path: Path) -> None:
    _, evidence = world.evaluate(world.register())
    digest = write_evidence(tmp_path, evidence)
    assert Evidence.model_validate_json((tmp_path / "evidence.json").read_bytes()) == evidence
    assert digest == sha256_of(tmp_path / "evidence.json")


def test_evidence_holds_what_was_judged_and_names_every_file(world: World) -> None:
    reference, evidence = world.evaluate(world.register())
    fetched = fetch_evidence(world.client, parse_reference(reference))
    assert fetched.evidence == evidence
    model = files_of(saved_model(1.0, NAMES, 0.5))
    assert {name: fetched.files[f"model/{name}"] for name in model} == model
    assert sorted(fetched.files.keys() - {f"model/{name}" for name in model}) == [
        "evidence.json",
        "parity/rows.parquet",
        "plots/precision_recall.png",
        "plots/score_distribution.png",
        "policy.yaml",
        "report.html",
        "report.md",
        "scores.parquet",
    ]
    named = json.loads(fetched.files["evidence.json"])["files"]
    assert named.keys() == fetched.files.keys() - {"evidence.json"}


def test_the_evidence_that_counts_is_the_one_that_was_hashed(world: World) -> None:
    """The downloaded file is replaced by one without the author, once it was opened."""
    reference, evidence = world.evaluate(world.register())
    other = evidence.model_copy(update={"authors": ("github:mallory",)}).model_dump_json().encode()
    with swapped_once_opened(Path(gettempdir()), "evidence.json", other) as swapped:
        fetched = fetch_evidence(world.client, parse_reference(reference))
    assert len(swapped) == 1
    assert fetched.evidence == evidence


def test_the_models_files_are_named_by_their_path_in_the_model(world: World) -> None:
    _, evidence = world.evaluate(world.register())
    assert evidence.model_files == Manifest.of(saved_model(1.0, NAMES, 0.5)).sha256


def test_evidence_that_does_not_exist_is_not_found(world: World) -> None:
    reference = parse_reference(f"{'0' * 32}@sha256:{DIGEST}")
    with pytest.raises(NotFound, match=f"reading evidence run {'0' * 32}"):
        fetch_evidence(world.client, reference)


def test_evidence_outside_the_promoters_experiment_does_not_count(
    world: World, tmp_path: Path
) -> None:
    _, evidence = world.evaluate(world.register())
    anybodys = world.client.get_experiment_by_name("tests")
    assert anybodys is not None
    run = world.client.create_run(anybodys.experiment_id)
    digest = write_evidence(tmp_path, evidence)
    world.client.log_artifacts(run.info.run_id, str(tmp_path))
    reference = parse_reference(f"{run.info.run_id}@sha256:{digest}")
    with pytest.raises(Refused, match="is in the experiment 'tests'; evidence counts only in"):
        fetch_evidence(world.client, reference)


def verdict(gate: str, *, passed: bool, required: bool = True) -> Verdict:
    return Verdict(
        gate=gate, asks="", measured=0.0, bound=0.0, passed=passed, required=required, note=""
    )


@pytest.mark.parametrize(
    ("verdicts", "blocking", "advisory", "summary"),
    [
        (
            [verdict("floor", passed=True), verdict("lineage", passed=True)],
            [],
            [],
            "2 of 2 checks passed",
        ),
        (
            [
                verdict("floor", passed=True),
                verdict("latency.ratio", passed=False, required=False),
                verdict("latency.size", passed=False, required=False),
            ],
            [],
            ["latency.ratio", "latency.size"],
            "1 of 3 checks passed; advisory: latency.ratio, latency.size",
        ),
        (
            [verdict("floor", passed=False), verdict("lineage", passed=True)],
            ["floor"],
            [],
            "1 of 2 checks passed",
        ),
        (
            [
                verdict("floor", passed=False),
                verdict("latency.ratio", passed=False, required=False),
                verdict("latency.size", passed=True, required=False),
            ],
            ["floor"],
            ["latency.ratio"],
            "1 of 3 checks passed; advisory: latency.ratio",
        ),
    ],
    ids=["all passed", "advisory failed", "required failed", "both failed"],
)
def test_a_required_gate_that_failed_blocks_and_an_advisory_one_is_named(
    tmp_path: Path,
    verdicts: list[Verdict],
    blocking: list[str],
    advisory: list[str],
    summary: str,
) -> None:
    evidence = evidence_of(policy_of(tmp_path), measurements_of(), verdicts=tuple(verdicts))
    assert [one.gate for one in evidence.blocking] == blocking
    assert [one.gate for one in evidence.advisory] == advisory
    assert evidence.summary == summary


def test_the_same_evidence_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    evidence = evidence_of(policy_of(tmp_path), measurements_of())
    again = Evidence.model_validate_json(evidence.model_dump_json())
    (tmp_path / "again").mkdir()
    assert write_evidence(tmp_path, evidence) == write_evidence(tmp_path / "again", again)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_cannot_stand_in_a_verdict(number: float) -> None:
    good = verdict("floor", passed=True).model_dump()
    with pytest.raises(ValidationError, match="Input should be a finite number"):
        Verdict.model_validate({**good, "measured": number})


@pytest.mark.parametrize(
    ("candidates", "looks", "sentences"),
    [
        (0, 0, []),
        (1, 1, ["1 other candidate before, in 1 evaluation;"]),
        (0, 1, ["0 other candidates before, in 1 evaluation;"]),
        (12, 13, ["12 other candidates before, in 13 evaluations;"]),
    ],
)
def test_how_often_the_rows_have_judged_before_is_a_sentence(
    tmp_path: Path, candidates: int, looks: int, sentences: list[str]
) -> None:
    evidence = evidence_of(
        policy_of(tmp_path),
        measurements_of(),
        earlier_candidates=candidates,
        earlier_looks=looks,
    )
    assert list(past_sentences(evidence)) == [
        f"These rows have judged {sentence} the comparison with Production allows for that."
        for sentence in sentences
    ]

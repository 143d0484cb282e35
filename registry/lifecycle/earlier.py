"""Earlier evaluations: which candidates the same rows have judged before.

Two evaluations were made on the same rows if the periods of their rows, from the first time to the
last, overlap. Only then can they share a transaction; and a file that holds the same transactions
in another order, without some of them, or under another data set's name, is still found. It counts
too much where rows of one period have nothing in common, which errs on the safe side.

Evaluations count whether their run finished, failed or was deleted: somebody may have seen them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.evaluation.evidence import EvaluatedRows, Evidence
from registry.ledger.manifest import Manifest
from registry.tracking.client import MlflowClient, Run, ViewType, server_errors
from registry.tracking.names import (
    CANDIDATE_FILES_TAG,
    EVIDENCE_EXPERIMENT,
    PLAN_TAG,
    ROWS_END_TAG,
    ROWS_START_TAG,
    ROWS_TAG,
)

RUNS_PER_PAGE = 1000


@dataclass(frozen=True)
class Evaluation:
    """An evaluation by the tags of its run: of which files, on which rows, and under which plan."""

    run_id: str
    started_at: datetime
    files: str
    rows: str
    start: datetime
    end: datetime
    plan: str = ""

    def is_on_rows_of(self, rows: EvaluatedRows) -> bool:
        """Whether its rows could share a transaction with these."""
        return self.start <= rows.end and rows.start <= self.end

    @property
    def look(self) -> tuple[str, str]:
        """Repeated with the same files on the same file of rows, it is the same look at them."""
        return self.files, self.rows


@dataclass(frozen=True)
class Looks:
    """How many other candidates some rows have judged, and in how many other evaluations."""

    candidates: int
    evaluations: int


def count_looks(evaluations: Iterable[Evaluation], files: str, rows: EvaluatedRows) -> Looks:
    """The looks at the rows other than that of the candidate with these files at this very file.

    A candidate that is evaluated on several parts of the same rows looks at them several times.
    """
    looks = {one.look for one in evaluations if one.is_on_rows_of(rows)} - {(files, rows.sha256)}
    return Looks(len({other for other, _ in looks} - {files}), len(looks))


def tags_of(evidence: Evidence) -> dict[str, str]:
    """The tags by which `evaluations` finds this one."""
    tags = {
        CANDIDATE_FILES_TAG: Manifest(evidence.model_files).digest,
        ROWS_TAG: evidence.rows.sha256,
        ROWS_START_TAG: evidence.rows.start.astimezone(UTC).isoformat(),
        ROWS_END_TAG: evidence.rows.end.astimezone(UTC).isoformat(),
    }
    return tags | {PLAN_TAG: evidence.plan.statement} if evidence.plan else tags


def looks_before(
    found: Iterable[Evaluation], run_id: str, started_at: datetime, evidence: Evidence
) -> Looks:
    """The looks at the rows of an evidence run that had started before it.

    Runs of evaluators that raced are put in one order by the time and, within a millisecond, the
    id of their run: only then has each of them another number of looks before it.
    """
    before = (one for one in found if (one.started_at, one.run_id) < (started_at, run_id))
    return count_looks(before, Manifest(evidence.model_files).digest, evidence.rows)


def evaluations(client: MlflowClient) -> list[Evaluation]:
    """All evaluations of the evidence experiment, also deleted ones, oldest first.

    Raises Unreachable.
    """
    found: list[Evaluation] = []
    with server_errors("reading the evidence runs"):
        experiment = client.get_experiment_by_name(EVIDENCE_EXPERIMENT)
        if experiment is None:
            return []
        token: str | None = ""
        while token is not None:
            # A run that is added meanwhile may move others to a later page, where they are listed
            # again; none moves to a page that was read before.
            page = client.search_runs(
                [experiment.experiment_id],
                run_view_type=ViewType.ALL,
                max_results=RUNS_PER_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token or None,
            )
            found += (one for run in page if (one := _evaluation(run)))
            token = page.token or None
    return found


def _evaluation(run: Run) -> Evaluation | None:
    """The evaluation of a run; None for a plan's run, or one without the tags of an evaluation."""
    tags = run.data.tags
    with suppress(KeyError, ValueError):
        return Evaluation(
            run_id=str(run.info.run_id),
            started_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
            files=tags[CANDIDATE_FILES_TAG],
            rows=tags[ROWS_TAG],
            start=datetime.fromisoformat(tags[ROWS_START_TAG]),
            end=datetime.fromisoformat(tags[ROWS_END_TAG]),
            plan=tags.get(PLAN_TAG, ""),
        )
    return None

"""The report of an evaluation: pictures, a page for people, and a summary for a CI job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from registry.errors import UsageError
from registry.evaluation.evidence import Evidence
from registry.evaluation.gates.gate import Trial
from registry.evaluation.measures import MEASURES
from registry.evaluation.policy import Policy
from registry.ledger.manifest import Manifest
from registry.report import content, plots, render
from registry.report.business import changed_decisions
from registry.report.content import Picture
from registry.report.embed import PLOTS_FOLDER, save_and_embed
from registry.report.plots import Difference

HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"
DPI = 110

PRECISION_RECALL = Picture(
    "precision_recall.png",
    "Precision and recall",
    "For each share of the frauds that is caught, how many of the alerts are frauds. "
    "Higher is better.",
)
INTERVALS = Picture(
    "intervals.png",
    "Differences to Production",
    "Right of zero the candidate is better. The bar is where the difference is likely to lie.",
)
DECISIONS = Picture(
    "decisions.png",
    "Transactions that get a different decision",
    "At each model's own threshold. Frauds belong in review; every genuine transaction there is "
    "work for an analyst.",
)
SCORE_SHIFT = Picture(
    "score_shift.png",
    "How probabilities move",
    "Each transaction by both models, on axes that are cut off at 0.0001 and 0.9999. Above the "
    "dotted line the candidate is more suspicious; the dashed lines separate the decisions.",
)
SCORE_DISTRIBUTION = Picture(
    "score_distribution.png",
    "Probabilities and the threshold",
    "Right of the dashed line a transaction goes to review. The count is on a log scale.",
)


def write(folder: Path, evidence: Evidence, trial: Trial, policy: Policy) -> dict[str, str]:
    """Write `plots/`, `report.html` and `report.md` into the folder of evidence.

    `evidence.files` are those that were evaluated. Returns the sha256 of the report's own.
    """
    page = content.build(evidence, trial, policy, evidence.files)
    pictures = save_and_embed(_drawn(evidence, trial), folder, DPI)
    (folder / HTML_FILE).write_text(render.html(page, pictures), encoding="utf-8")
    (folder / MARKDOWN_FILE).write_text(render.markdown(page), encoding="utf-8")
    ours = (f"{PLOTS_FOLDER}/", HTML_FILE, MARKDOWN_FILE)
    files = Manifest.of(folder).sha256
    return {name: digest for name, digest in files.items() if name.startswith(ours)}


def copy(folder: Path, destination: Path) -> None:
    """Copy the two reports out of a folder of evidence. Raises UsageError where that fails."""
    try:
        destination.mkdir(parents=True, exist_ok=True)
        for name in (HTML_FILE, MARKDOWN_FILE):
            shutil.copyfile(folder / name, destination / name)
    except OSError as error:
        raise UsageError(f"the report cannot be written to {destination}: {error}") from error


def _drawn(evidence: Evidence, trial: Trial) -> Iterator[tuple[Picture, Figure]]:
    """The pictures that apply to this trial, in the order in which they are shown."""
    labels, candidate, production = trial.rows.labelled.labels, trial.candidate, trial.production
    threshold = candidate.scorer.contract.threshold
    scores = {"candidate": candidate.scores}
    if production is None:
        yield PRECISION_RECALL, plots.precision_recall(labels, scores)
        yield SCORE_DISTRIBUTION, plots.score_distribution(labels, candidate.scores, threshold)
        return
    if measured := differences(evidence):
        yield INTERVALS, plots.intervals(measured)
    if (changed := changed_decisions(trial)) is not None:
        yield DECISIONS, plots.decisions(changed)
    both = scores | {"Production": production.scores}
    yield PRECISION_RECALL, plots.precision_recall(labels, both)
    thresholds = (threshold, production.scorer.contract.threshold)
    shift = plots.score_shift(labels, candidate.scores, production.scores, thresholds)
    yield SCORE_SHIFT, shift


def differences(evidence: Evidence) -> list[Difference]:
    """What the gate `no_worse` measured, each with the bound of its lower end."""
    bounds = {verdict.gate: verdict.bound for verdict in evidence.verdicts}
    return [
        Difference(
            MEASURES[name],
            interval,
            bounds.get(f"no_worse.{name}", bounds.get(f"no_worse.{name}.better")),
        )
        for name, interval in content.intervals(evidence).items()
    ]

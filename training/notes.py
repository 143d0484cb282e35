"""What MLflow's UI shows of a run and its candidate: names, descriptions in Markdown, and tags.

For people only: nothing here is read again.
"""

from __future__ import annotations

from collections.abc import Mapping

import mlflow

from registry.model.contract import Contract
from registry.tracking.project_run import NOTE_TAG, RUN_NAME_TAG
from training.assess import Assessment

NOTED_MEASURES = ("average_precision", "budget_precision", "budget_recall", "card_precision")
"""In the description; the first and the third are tags of the candidate too."""

EXPERIMENT_NOTE = (
    "Each run trains one model. Compare candidates by `average_precision`, `budget_recall` and "
    "their intervals (`…_lower`, `…_upper`), which are measured on days after the training; child "
    "runs are trials of a search. Plots and the model card are among the artifacts."
)


def name_run(model: str, trials: int, average_precision: float | None = None) -> None:
    """Name the active run, such as `hist_gradient_boosting · trials 3 · AP .72`."""
    parts = [model, f"trials {trials}"]
    if average_precision is not None:
        parts.append(f"AP {average_precision:.2f}".replace(" 0.", " ."))
    mlflow.set_tag(RUN_NAME_TAG, " · ".join(parts))


def describe_run(contract: Contract, assessment: Assessment, facts: Mapping[str, str]) -> str:
    """Describe the active run, and its experiment if nobody has; return the text."""
    window = contract.training_window
    lines = [
        f"**{facts['model']}** on `{contract.dataset}`, trained on {window.start:%Y-%m-%d} to "
        f"{window.end:%Y-%m-%d}, alert budget {facts['alert budget']}.",
        "",
        "| measure | value | 95 % interval |",
        "|---|---|---|",
    ]
    for name in NOTED_MEASURES:
        if name in assessment.estimates:
            lines.append("| {} | {} | {} |".format(*assessment.readable(name)))
    lines += ["", f"Threshold {contract.threshold:.6g}: {contract.threshold_method}."]
    text = "\n".join(lines)
    mlflow.set_tag(NOTE_TAG, text)
    run = mlflow.active_run()
    client = mlflow.MlflowClient()
    if run and not client.get_experiment(run.info.experiment_id).tags.get(NOTE_TAG):
        client.set_experiment_tag(run.info.experiment_id, NOTE_TAG, EXPERIMENT_NOTE)
    return text


def candidate_tags(contract: Contract, assessment: Assessment) -> dict[str, str]:
    """The tags by which the list of candidates can be read and sorted."""
    return {
        **{
            name: f"{assessment.estimates[name].value:.4f}"
            for name in (NOTED_MEASURES[0], NOTED_MEASURES[2])
        },
        "threshold": f"{contract.threshold:.6g}",
        "dataset": contract.dataset,
    }

"""The model card: one HTML page on what a model is, how good it is on which data, and its limits.

After Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from registry.evaluation.measures import MEASURES
from registry.model.contract import Contract, Input
from registry.report.content import Picture
from registry.report.embed import save_and_embed
from registry.report.numbers import quantity
from registry.report.render import environment
from training.assess import Assessment, draw_plots
from training.data import Data
from training.split import Split

CARD_FILE = "model_card.html"
TEMPLATE = "model_card.html.j2"
DPI = 100
MIN_FRAUDS, MIN_DAYS = 100, 7
"""With fewer in the test part, the card warns that it is short."""

SIMULATED_DATASETS = ("simulated", "handbook", "handbook_extended")


@dataclass(frozen=True)
class ModelCard:
    """All that the page shows; a row of a table is a tuple of its cells."""

    title: str
    summary: str
    intended_use: tuple[str, ...]
    limits: tuple[str, ...]
    measures: tuple[tuple[str, str, str, str], ...]
    windows: tuple[tuple[str, str, str, str], ...]
    facts: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str, str, str, str], ...]


def build(
    data: Data, split: Split, contract: Contract, assessment: Assessment, facts: Mapping[str, str]
) -> ModelCard:
    """The content of the page; `facts` are further facts about the run, by name."""
    budget = f"{data.dataset.alert_budget_per_day:,}"
    _, recall, interval = assessment.readable("budget_recall")
    return ModelCard(
        title=f"Model card: {facts['model']} on {data.path.stem}",
        summary=f"With {budget} alerts a day it catches {recall} of the frauds ({interval}), "
        "measured on days after its training.",
        intended_use=_intended_use(data, assessment),
        limits=tuple(_limits(data, split, contract, assessment)),
        measures=tuple(
            (*assessment.readable(name), MEASURES[name].description)
            for name in assessment.estimates
        ),
        windows=tuple(_windows(data, split)),
        facts=(
            *facts.items(),
            ("data", data.path.name),
            ("sha256 of the data", data.sha256),
            ("data-set file", contract.dataset),
            ("threshold", f"{contract.threshold:.6g}: {contract.threshold_method}"),
        ),
        inputs=_inputs(contract, assessment),
    )


def _intended_use(data: Data, assessment: Assessment) -> tuple[str, ...]:
    alerts = quantity(assessment.estimates["threshold_alerts_per_day"].value, "count")
    return (
        "To rank card transactions for review by analysts: those with a probability of "
        f"{assessment.threshold:.4g} or more go to review, about {alerts} a day.",
        f"For transactions like those of the data set {data.path.stem}: the same cards, country "
        "and payment methods. It has not been tested on others.",
        "Not for blocking a payment, or judging a person, without an analyst's decision.",
    )


def _limits(data: Data, split: Split, contract: Contract, assessment: Assessment) -> Iterator[str]:
    rows, delay = assessment.rows.labelled, data.dataset.delay_days
    if rows.independent_frauds < MIN_FRAUDS or len(assessment.days) < MIN_DAYS:
        yield (
            f"The test part is small ({rows.independent_frauds:,} independent frauds, days: "
            f"{len(assessment.days)}): rely on the intervals, not on the values."
        )
    if rows.clusters is None:
        yield (
            "The data does not identify customers: the intervals treat transactions as "
            "independent, and are too narrow if frauds come in series."
        )
    else:
        owner = next(iter(data.dataset.entities))
        yield f"The intervals resample by {owner}, because its transactions are similar."
    if delay:
        yield (
            f"Labels are assumed to be known after {delay} day{'' if delay == 1 else 's'}; frauds "
            "that are reported later, or never, count as genuine here."
        )
    else:
        yield "Labels are assumed to be known at once, which is more favourable than real life."
    yield (
        "The intervals hold for these test days, not for days on which fraudsters have changed "
        "their methods: monitor the drift of the inputs, and retrain."
    )
    if contract.dataset in SIMULATED_DATASETS:
        yield "The transactions are simulated: nothing here is evidence about real fraud."
    if len(split.train) > data.dataset.max_fit_rows:
        yield (
            f"It was fitted on {data.dataset.max_fit_rows:,} rows, drawn at random from those that "
            "it was trained on."
        )
    if data.dataset.categories:
        yield "Categories that did not occur in training are scored as unknown."


def _windows(data: Data, split: Split) -> Iterator[tuple[str, str, str, str]]:
    for name, part in (("trained on", split.train), ("tested on", split.test)):
        times = part[data.dataset.time.column]
        frauds = int(data.labels(part).sum())
        period = f"{_minute(times, 0)} to {_minute(times, -1)}"
        yield name, period, f"{len(part):,}", f"{frauds:,} ({frauds / len(part):.2%})"


def _minute(times: pl.Series, row: int) -> str:
    return f"{times[row]:%Y-%m-%d %H:%M}"


def _inputs(
    contract: Contract, assessment: Assessment
) -> tuple[tuple[str, str, str, str, str], ...]:
    """Name, kind, values seen in training, whether nullable, and contribution, highest first."""
    inputs = {each.name: each for each in contract.inputs}
    return tuple(
        (
            contribution.name,
            inputs[contribution.name].kind,
            _values_seen(inputs[contribution.name]),
            "yes" if inputs[contribution.name].nullable else "no",
            f"{contribution.drop:.4f}",
        )
        for contribution in assessment.contributions
    )


def _values_seen(described: Input) -> str:
    if described.kind == "category":
        return f"{len(described.categories):,} categories"
    return f"{described.low:g} to {described.high:g}"


def write(folder: Path, card: ModelCard, assessment: Assessment) -> None:
    """Write the page, and `plots/` with its plots, into a folder."""
    pictures = save_and_embed(draw_plots(assessment), folder, DPI)
    (folder / CARD_FILE).write_text(html(card, pictures), encoding="utf-8")


def html(card: ModelCard, pictures: Mapping[str, Picture]) -> str:
    """One page that needs no other file; `pictures` by their `data:` address."""
    return _ENVIRONMENT.get_template(TEMPLATE).render(card=card, pictures=pictures)


_ENVIRONMENT = environment(Path(__file__).parent / "templates")

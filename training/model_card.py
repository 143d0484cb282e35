"""The model card: one HTML page that says what a model is, how good, on what, and its limits.

After Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import polars as pl

from registry.evaluation.measures import MEASURES
from registry.model.contract import Contract, Input
from registry.report.content import Picture
from registry.report.embed import save_and_embed
from registry.report.numbers import quantity
from registry.report.render import environment
from training.assess import Assessment, drawn
from training.data import Data
from training.split import Split

CARD_FILE = "model_card.html"
TEMPLATE = "model_card.html.j2"
DPI = 100
FEW_FRAUDS, FEW_DAYS = 100, 7
SIMULATED_DATASETS = ("simulated", "handbook", "handbook_extended")


@dataclass(frozen=True)
class Card:
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
    data: Data, split: Split, contract: Contract, found: Assessment, facts: Mapping[str, str]
) -> Card:
    """Say what was found; `facts` are what the caller knows of the run, name by name."""
    model = facts["model"]
    budget = data.dataset.alert_budget_per_day
    recall = found.estimates["budget_recall"]
    return Card(
        title=f"Model card: {model} on {data.path.stem}",
        summary=(
            f"Within {budget:,} alerts a day it finds {quantity(recall.value, 'share')} of the "
            f"frauds ({quantity(recall.lower, 'share')} to {quantity(recall.upper, 'share')}) on "
            "days that it was not trained on."
        ),
        intended_use=_intended_use(data, found),
        limits=tuple(_limits(data, contract, found)),
        measures=tuple(_measures(found, budget)),
        windows=tuple(_windows(data, split)),
        facts=(
            *facts.items(),
            ("data", data.path.name),
            ("sha256 of the data", data.sha256),
            ("data-set file", contract.dataset),
            ("threshold", f"{contract.threshold:.6g}: {contract.threshold_method}"),
        ),
        inputs=_inputs(contract, found),
    )


def _intended_use(data: Data, found: Assessment) -> tuple[str, ...]:
    alerts = quantity(found.estimates["threshold_alerts_per_day"].value, "count")
    return (
        "To put card transactions in the order in which analysts should look at them: those with "
        f"a probability of {found.threshold:.4g} or more go to review, about {alerts} a day.",
        f"For transactions like those of the data set {data.path.stem}: same cards, same country, "
        "same way of paying. Elsewhere it has not been tried.",
        "Not to block a payment, or to judge a person, without an analyst's decision.",
    )


def _limits(data: Data, contract: Contract, found: Assessment) -> Iterator[str]:
    rows, delay = found.rows.labelled, data.dataset.delay_days
    if rows.independent_frauds < FEW_FRAUDS or len(found.days) < FEW_DAYS:
        yield (
            f"The test is short ({rows.independent_frauds:,} independent frauds, days: "
            f"{len(found.days)}): read the intervals, not the values."
        )
    if rows.clusters is None:
        yield (
            "The data names nobody whose transactions they are: the intervals take each for "
            "independent, and are too narrow where frauds come in series."
        )
    else:
        owner = next(iter(data.dataset.entities))
        yield f"The intervals resample {owner}, as transactions of one are alike."
    yield (
        f"A label is taken to be known after {delay} days; frauds that are reported later, or "
        "never, count as genuine here."
        if delay
        else "Labels are taken as known at once, which is kinder than real life."
    )
    yield (
        "The intervals are of these test days. They say nothing of days on which fraudsters have "
        "changed their ways: watch the drift of the inputs, and train again."
    )
    if contract.dataset in SIMULATED_DATASETS:
        yield "The transactions are simulated: nothing here is evidence on real fraud."
    if data.dataset.categories:
        yield "Categories that training never saw are scored as unknown."


def _measures(found: Assessment, budget: int) -> Iterator[tuple[str, str, str, str]]:
    for name, one in found.estimates.items():
        measure = MEASURES[name]
        value, lower, upper = (quantity(end, measure.unit) for end in astuple(one))
        label = measure.label.format(budget=f"{budget:,}")
        yield label, value, f"{lower} to {upper}", measure.description


def _windows(data: Data, split: Split) -> Iterator[tuple[str, str, str, str]]:
    for name, part in (("trained on", split.train), ("tested on", split.test)):
        times = part[data.dataset.time.column]
        frauds = int(data.labels(part).sum())
        period = f"{_minute(times)} to {_minute(times, -1)}"
        yield name, period, f"{len(part):,}", f"{frauds:,} ({frauds / len(part):.2%})"


def _minute(times: pl.Series, at: int = 0) -> str:
    return f"{times[at]:%Y-%m-%d %H:%M}"


def _inputs(contract: Contract, found: Assessment) -> tuple[tuple[str, str, str, str, str], ...]:
    falls = {one.name: one.fall for one in found.contributions}
    ordered = sorted(contract.inputs, key=lambda one: -falls[one.name])
    return tuple(
        (one.name, one.kind, _seen(one), "yes" if one.nullable else "no", f"{falls[one.name]:.4f}")
        for one in ordered
    )


def _seen(one: Input) -> str:
    if one.kind == "category":
        return f"{len(one.categories):,} categories"
    return f"{one.low:g} to {one.high:g}"


def write(folder: Path, card: Card, found: Assessment) -> None:
    """Write the page, and `plots/` with its pictures, into a folder."""
    pictures = save_and_embed(drawn(found), folder, DPI)
    (folder / CARD_FILE).write_text(html(card, pictures), encoding="utf-8")


def html(card: Card, pictures: Mapping[str, Picture]) -> str:
    """One page that needs no other file; `pictures` by their `data:` address."""
    return _ENVIRONMENT.get_template(TEMPLATE).render(card=card, pictures=pictures)


_ENVIRONMENT = environment(Path(__file__).parent / "templates")

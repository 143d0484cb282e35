"""The two jobs: read, compare, log, write metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from monitoring import exposition
from monitoring.counting import count_records
from monitoring.document import PROPOSAL_FILE, proposal
from monitoring.drift import InputDrift, drifts
from monitoring.expected import expected
from monitoring.join import Joined, VersionTerms, join
from monitoring.labels import LabelColumns
from monitoring.live import amount_input, day_of, look_at, terms_of
from monitoring.performance import transactions_of
from monitoring.promise import Promise, fetch_promise
from monitoring.sources import data_files, first_line, scan
from monitoring.track import expected_metrics, log_look, log_run
from registry.atomic import atomic_write
from registry.errors import NotFound, UsageError
from registry.ledger.chain import Ledger
from registry.ledger.fold import fold
from registry.ledger.trust import Trust
from registry.progress import step, warn
from registry.tracking.client import Metric, connect
from registry.tracking.rest import Registry

RESAMPLES = 200
DRIFT_FILE = "drift.json"
NO_LABELS = {"transaction_id": pl.String, "fraud": pl.Int8}
MIN_LABELLED = 0.5
"""Share of the transactions whose label could be known that have one; below, a warning."""


@dataclass(frozen=True)
class LiveResult:
    """What to print, and whether a rollback is proposed."""

    lines: list[str]
    is_proposed: bool


def live(
    registry: Registry,
    trust: Trust,
    records_source: str,
    labels_source: str,
    columns: LabelColumns,
    *,
    slices: Sequence[str],
    unlabelled_is_genuine: bool,
    until: datetime,
    alpha: float,
    output: Path | None,
    metrics_file: Path | None,
) -> LiveResult:
    """Look at every version with records, log the looks, and propose a rollback if the promise of
    the model in force is broken.

    Raises what the ledger, the evidence, the sources and the tracking server raise.
    """
    ledger = fold(registry.versions(), trust)
    records, labels = scan(data_files(records_source)), scan(data_files(labels_source))
    promises = _promises(registry, ledger, records)
    newest = promises[max(promises)].contract
    with step("joining records and labels"):
        joined = join(
            records,
            labels,
            columns,
            terms_of(promises),
            until,
            amount=amount_input(newest),
            slices=slices,
            unlabelled_is_genuine=unlabelled_is_genuine,
        )
    lines = [f"{name.replace('_', ' ')}: {count:,}" for name, count in vars(joined.counts).items()]
    _warn_of_labels(joined)
    client, looks, proposed = connect(registry.uri), [], set()
    for version, promise in promises.items():
        with step(f"measuring version {version}"):
            look = look_at(promise, joined, until, alpha=alpha)
        if look is None:
            lines.append(f"version {version}: no transaction whose label could be known")
            continue
        looks.append(look)
        page = proposal(look, ledger)
        if page is not None:
            proposed.add(version)
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
                with atomic_write(output / PROPOSAL_FILE) as temporary:
                    temporary.write_text(page)
        run_id, is_new = log_look(client, look, page)
        for name, estimate in look.whole.estimates.items():
            promised = promise.estimates.get(name)
            lines.append(
                f"version {version}: {name} {estimate.value:.4g} "
                f"({estimate.lower:.4g} to {estimate.upper:.4g})"
                + (f", promised {promised.value:.4g}" if promised else "")
            )
        if look.test is not None:
            lines.append(f"version {version}: p-value over all looks {look.test.p_value:.3g}")
        lines.append(f"version {version}: run {run_id}{'' if is_new else ', logged before'}")
        if page is not None:
            lines.append(f"version {version}: a rollback is proposed, see {PROPOSAL_FILE}")
    if metrics_file is not None:
        exposition.write(metrics_file, exposition.samples_of_looks(looks, joined.counts, proposed))
    return LiveResult(lines, bool(proposed))


def drift(
    registry: Registry,
    trust: Trust,
    records_source: str,
    *,
    until: datetime,
    alpha: float,
    metrics_file: Path | None,
) -> Iterator[str]:
    """Compare the records of every version with its training, log that, and say it in lines.

    Raises what the ledger, the evidence, the sources and the tracking server raise.
    """
    ledger = fold(registry.versions(), trust)
    records = scan(data_files(records_source))
    promises = _promises(registry, ledger, records)
    with step("counting records by the bins of training"):
        counted = count_records(records, promises, until.timestamp())
    with step("computing what the probabilities let expect"):
        unlabelled = _unlabelled(records, promises, until)
    samples: list[exposition.Sample] = []
    client = connect(registry.uri)
    for version, promise in promises.items():
        found = [
            each
            for binned in counted[version]
            for each in drifts(binned.bins, binned.reference_rows, binned.days, alpha)
        ]
        by_day = _expected(promise, unlabelled)
        last = by_day[max(by_day)] if by_day else {}
        samples += exposition.samples_of_drift(version, found, last)
        document = {
            "version": version,
            "until": until.isoformat(),
            "alpha": alpha,
            "inputs": [vars(each) for each in found],
            "expected": {str(day): values for day, values in by_day.items()},
        }
        files = {DRIFT_FILE: orjson.dumps(document, option=orjson.OPT_INDENT_2)}
        at = round(until.timestamp() * 1000)
        metrics = [
            Metric(f"stability_index_{number}", each.index, at, 0)
            for number, each in enumerate(found)
            if np.isfinite(each.index)
        ]
        metrics += [
            Metric("inputs_drifted", sum(each.alarm_day is not None for each in found), at, 0),
            *expected_metrics(by_day),
        ]
        run_id, is_new = log_run(client, "drift", version, until, files, metrics, {})
        yield from (f"version {version}: {_sentence(each)}" for each in found)
        for name, value in last.items():
            yield f"version {version}: {name} {value:.4g} expected of the last day"
        yield f"version {version}: run {run_id}{'' if is_new else ', logged before'}"
    if metrics_file is not None:
        exposition.write(metrics_file, samples)


def _promises(registry: Registry, ledger: Ledger, records: pl.LazyFrame) -> dict[int, Promise]:
    """Of each version with records, oldest first."""
    try:
        served = records.select(pl.col("model_version").unique()).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"the records cannot be read: {first_line(error)}") from error
    versions = set(served["model_version"].to_list())
    links = [link for link in ledger.models if link.version in versions]
    if not links:
        raise NotFound("no record is of a version of this ledger; check the records and the ledger")
    promises = {}
    for link in links:
        with step(f"reading the evidence of version {link.version}"):
            promises[link.version] = fetch_promise(registry, link, resamples=RESAMPLES)
    return promises


def _warn_of_labels(joined: Joined) -> None:
    counts = joined.counts
    labelled = counts.genuine + counts.frauds
    if labelled < MIN_LABELLED * (labelled + counts.unlabelled):
        warn(
            f"only {labelled:,} of {labelled + counts.unlabelled:,} transactions whose label could "
            "be known have one: pass --only-frauds if LABELS names frauds only"
        )


def _unlabelled(records: pl.LazyFrame, promises: dict[int, Promise], until: datetime) -> Joined:
    """All transactions of whole days, each once, and without the wait for labels."""
    terms = {
        version: VersionTerms(0, promise.costs.budget_per_day)
        for version, promise in promises.items()
    }
    nothing = pl.LazyFrame(schema=NO_LABELS)
    return join(records, nothing, LabelColumns(), terms, until, unlabelled_is_genuine=True)


def _expected(promise: Promise, joined: Joined) -> dict[date, dict[str, float]]:
    budget = promise.costs.budget_per_day
    served = transactions_of(joined.rows, joined.days, promise.version, budget)
    return {
        day_of(number): expected(served.part(served.days == number))
        for number in sorted(set(served.days.tolist()))
    }


def _sentence(drift: InputDrift) -> str:
    if not drift.rows:
        return f"{drift.name}: too few rows with a value"
    drifted = "" if drift.alarm_day is None else f", drifted since {day_of(drift.alarm_day)}"
    return f"{drift.name}: stability index {drift.index:.3g}, p-value {drift.p_value:.3g}{drifted}"

"""What was found as metrics in Prometheus' text format, in a file for a textfile collector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from monitoring.drift import InputDrift
from monitoring.labels import Counts
from monitoring.live import Look
from registry.atomic import atomic_write

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "fraud_live_until_timestamp_seconds": (
        "Time of the look, Unix time in seconds: what was known later does not count",
        (),
    ),
    "fraud_live_transactions": (
        "Records and labels by what the join made of them, as the log says",
        ("result",),
    ),
    "fraud_live_measure": (
        "Measure of a version on all transactions that it served and whose label could be known",
        ("version", "measure"),
    ),
    "fraud_live_measure_lower": (
        "Lower end of its 95 % interval",
        ("version", "measure"),
    ),
    "fraud_live_measure_upper": (
        "Upper end of its 95 % interval",
        ("version", "measure"),
    ),
    "fraud_live_last_day_measure": (
        "Measure of a version on the last such day",
        ("version", "measure"),
    ),
    "fraud_promised_measure": (
        "Measure of a version in its evaluation",
        ("version", "measure"),
    ),
    "fraud_live_precision_p_value": (
        "Of the test, over all looks together, that alerts are frauds as often as promised",
        ("version",),
    ),
    "fraud_live_rollback_proposed": (
        "1 if a rollback of this version is proposed, else 0",
        ("version",),
    ),
    "fraud_expected_measure": (
        "Measure that the probabilities of the last day let expect, without labels",
        ("version", "measure"),
    ),
    "fraud_drift_stability_index": (
        "Population stability index of the last week against training (of `probability`, against "
        "the evaluation)",
        ("version", "input"),
    ),
    "fraud_drift_detected": (
        "1 if the input had drifted in any week, by the test over all looks and inputs, else 0",
        ("version", "input"),
    ),
}
"""Meaning and labels of each metric; all are gauges."""


class Sample(NamedTuple):
    """A value of a metric, with the values of its labels in their order."""

    name: str
    labels: tuple[str, ...]
    value: float


def samples_of_looks(looks: Iterable[Look], counts: Counts, proposed: set[int]) -> Iterator[Sample]:
    """What `live` found; `proposed` are the versions whose rollback is proposed."""
    for result, count in vars(counts).items():
        yield Sample("fraud_live_transactions", (result,), count)
    for look in looks:
        version = str(look.version)
        yield Sample("fraud_live_until_timestamp_seconds", (), look.until.timestamp())
        for name, estimate in look.whole.estimates.items():
            yield Sample("fraud_live_measure", (version, name), estimate.value)
            yield Sample("fraud_live_measure_lower", (version, name), estimate.lower)
            yield Sample("fraud_live_measure_upper", (version, name), estimate.upper)
        for name, estimate in look.days[max(look.days)].estimates.items():
            yield Sample("fraud_live_last_day_measure", (version, name), estimate.value)
        for name, estimate in look.promise.estimates.items():
            yield Sample("fraud_promised_measure", (version, name), estimate.value)
        if look.test is not None:
            yield Sample("fraud_live_precision_p_value", (version,), look.test.p_value)
        yield Sample("fraud_live_rollback_proposed", (version,), look.version in proposed)


def samples_of_drift(
    version: int, drifts: Iterable[InputDrift], expected: dict[str, float]
) -> Iterator[Sample]:
    """What `drift` found of a version."""
    for drift in drifts:
        labels = (str(version), drift.name)
        yield Sample("fraud_drift_stability_index", labels, drift.index)
        yield Sample("fraud_drift_detected", labels, drift.alarm_day is not None)
    for name, value in expected.items():
        yield Sample("fraud_expected_measure", (str(version), name), value)


def text(samples: Iterable[Sample]) -> str:
    """The samples in Prometheus' text format; those that are not a number are left out."""
    lines: dict[str, dict[str, None]] = {name: {} for name in FAMILIES}
    for name, values, value in samples:
        labels = ",".join(
            f'{label}="{_escaped(shown)}"'
            for label, shown in zip(FAMILIES[name][1], values, strict=True)
        )
        if not math.isnan(value):
            lines[name][f"{name}{{{labels}}} {float(value)!r}" if labels else f"{name} {value}"] = (
                None
            )
    return "".join(
        f"# HELP {name} {FAMILIES[name][0]}\n# TYPE {name} gauge\n" + "\n".join(found) + "\n"
        for name, found in lines.items()
        if found
    )


def write(path: Path, samples: Iterable[Sample]) -> None:
    """Replace the file as a whole: a collector never reads a part of it. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_text(text(samples))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

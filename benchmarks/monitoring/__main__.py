"""`python -m benchmarks.monitoring`: the tables of docs/benchmarks.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from math import comb
from pathlib import Path
from statistics import median

from benchmarks.monitoring import peers, volume
from benchmarks.monitoring.alarms import ALPHA, PRECISION, first_drift, first_loss
from benchmarks.monitoring.worlds import DRIFTS
from registry.temporary import temporary_folder

START = 30
"""The day on which a drift or a loss begins."""
LOSSES = (0.1, 0.3, 0.5)
PEERS = ("evidently", "nannyml")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quarters", type=int, default=200)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--rows", type=int, default=2000, help="transactions a day")
    parser.add_argument("--runs", type=int, default=20, help="of each drift and loss")
    parser.add_argument("--records", type=float, default=50e6, help="of the join; 0 leaves it out")
    parser.add_argument("--peers", type=int, default=20, help="quarters with Evidently and NannyML")
    given = parser.parse_args(arguments)
    false_alarms(given.quarters, given.days, given.rows)
    delays(given.runs, given.days, given.rows)
    if given.peers:
        of_peers(given.peers, given.days, given.rows)
    if given.records:
        with temporary_folder("bench-join-") as folder:
            join_of(Path(folder), int(given.records))


def false_alarms(quarters: int, days: int, rows: int) -> None:
    """How many quarters without a change ever alarm."""
    print(
        f"## {quarters} quarters of {days} days without a change, looked at daily: ever an alarm\n"
    )
    print("| | ours | a test a day at 5 % | a rule of thumb |\n|---|---|---|---|")
    drifted = [first_drift(seed, days, rows) for seed in range(quarters)]
    print(f"| drift, 15 inputs | {_shares(drifted)} |")
    print(
        f"| precision of alerts | {_shares([first_loss(seed, days) for seed in range(quarters)])} |"
    )
    allowed = most_by_chance(quarters, ALPHA)
    print(f"\nAt a rate of {ALPHA:.0%}, {allowed} or fewer alarm in 95 of 100 such runs.\n")


def delays(runs: int, days: int, rows: int) -> None:
    """How long after a change the alarm comes."""
    print(f"## Days until the alarm, median of {runs} (share that alarms within the quarter)\n")
    print("Alarms before the change are left out.\n")
    print("| | ours | a test a day at 5 % | a rule of thumb |\n|---|---|---|---|")
    for name in DRIFTS:
        found = [first_drift(1000 + run, days, rows, name, START) for run in range(runs)]
        print(f"| {name} | {_delays(found)} |", flush=True)
    for loss in LOSSES:
        found = [first_loss(1000 + run, days, loss, START) for run in range(runs)]
        print(f"| {loss:.0%} less precision | {_delays(found)} |", flush=True)
    print()


def of_peers(quarters: int, days: int, rows: int) -> None:
    """Peers on some of the quarters without a change, and on one with each change."""
    print(f"## Of {quarters} quarters without a change, how many ever alarm with the defaults of\n")
    print("| | Evidently | NannyML |\n|---|---|---|")
    seeds = range(quarters)
    found = [[peers.drift_alarm(peer, seed, days, rows) for peer in PEERS] for seed in seeds]
    print(f"| drift, 15 inputs | {_shares(found)} |", flush=True)
    lost = [[None, peers.loss_alarm(seed, days, PRECISION)] for seed in seeds]
    print(f"| precision of alerts | | {_shares(lost).split(' | ')[1]} |\n", flush=True)
    print("The day of the first alarm, of one quarter that changes on day 30:\n")
    print("| | Evidently | NannyML |\n|---|---|---|")
    for name in DRIFTS:
        first = [peers.drift_alarm(peer, 1000, days, rows, name, START) for peer in PEERS]
        print(f"| {name} | {first[0]} | {first[1]} |", flush=True)
    for loss in LOSSES:
        day = peers.loss_alarm(1000, days, PRECISION, loss, START)
        print(f"| {loss:.0%} less precision | | {day} |", flush=True)
    print()


def join_of(folder: Path, count: int) -> None:
    """What a month of records costs."""
    volume.write_month(folder, count)
    seconds, megabytes, kept = volume.measured_join(folder)
    print(f"## {count:,} records joined with their labels\n")
    print(f"{seconds:.0f} s, {megabytes:,.0f} MB at most, {kept:,} rows kept")


def most_by_chance(quarters: int, rate: float) -> int:
    """The 95 % quantile of a binomial count."""
    chance, count = 0.0, -1
    while chance < 0.95:
        count += 1
        chance += comb(quarters, count) * rate**count * (1 - rate) ** (quarters - count)
    return count


def _shares(found: Iterable[list[int | None]]) -> str:
    columns = list(zip(*found, strict=True))
    return " | ".join(f"{sum(day is not None for day in column)}" for column in columns)


def _delays(found: Iterable[list[int | None]]) -> str:
    cells = []
    for column in zip(*found, strict=True):
        kept = [day for day in column if day is None or day >= START]
        after = [day - START for day in kept if day is not None]
        share = f"{len(after)} of {len(kept)}"
        cells.append(f"{median(after):g} ({share})" if after else f"– ({share})")
    return " | ".join(cells)


if __name__ == "__main__":
    main()

"""The benchmark of prediction records."""

from __future__ import annotations

from rich.console import Console

from benchmarks.inference.records import Burst, results_table


def test_the_table_compares_the_medians_of_cpu_times() -> None:
    table = results_table(
        {
            "without": [Burst(100, 1, 40, 0), Burst(900, 2, 50, 0), Burst(200, 3, 90, 0)],
            "with": [Burst(100, 1, 55, 0), Burst(100, 1, 10, 9), Burst(100, 1, 60, 0)],
        }
    )
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    rows = [line.split("│")[1:-1] for line in captured.get().splitlines() if "with" in line]
    assert [[cell.strip() for cell in row] for row in rows if row] == [
        ["without", "200", "2.00", "50.0", "1.000", "0.909", "0.0"],
        ["with", "100", "1.00", "55.0", "1.100", "1.000", "3.0"],
    ]

"""`make report-team`: run the tests of a team's set-up, and print what they show.

Writes the generated part of docs/operations/faults.md too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from tests.deploy.faults import BEGIN, END, fault_table
from tests.deploy.tracking.attempts import REFUSALS
from tests.deploy.tracking.holes import HOLES
from tests.deploy.tracking.matrix import holes_table, refusals_table, roles_table
from tests.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "operations" / "faults.md"


def page() -> str:
    """The page with its table as it is now."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n{fault_table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.xml"
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", f"--junit-xml={file}"),
                *("tests/deploy/tracking", "tests/deploy/test_survival.py"),
            ],
            cwd=REPOSITORY,
            check=False,
        )
        results = _results(file)
    PAGE.write_text(page())
    for title, table in {
        "What each role may do": roles_table(),
        "What nobody gets away with": refusals_table(REFUSALS),
        "Where MLflow's rights leave a hole": holes_table(HOLES),
        "Faults": fault_table(results),
    }.items():
        print(f"\n# {title}\n\n{table}")
    return ended.returncode


def _results(file: Path) -> dict[str, str]:
    """Of each test function: `passed`, unless one of its cases did not."""
    results: dict[str, str] = {}
    # Written by our own pytest a moment ago.
    for case in ElementTree.parse(file).iter("testcase"):  # noqa: S314
        name = str(case.get("name")).partition("[")[0]
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        results[name] = bad[0] if bad else results.get(name, "passed")
    return results


if __name__ == "__main__":
    sys.exit(main())

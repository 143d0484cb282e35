"""The chart's README is made of the comments in values.yaml (test_generated.py: and not stale)."""

from __future__ import annotations

from docs.pages.chart import read_keys, table
from tests.helm.rendering import CHART

VALUES = """\
# Of the file.

part:
  # Whether it is on,
  # or off.
  enabled: true
  # All of these.
  resources:
    limits: {cpu: "1"}
  inner:
    deep:
      # One a|b.
      hosts: []
"""


def test_each_documented_key_is_a_row() -> None:
    assert table(VALUES) == (
        "### part\n"
        "\n"
        "| key | default | meaning |\n"
        "|---|---|---|\n"
        "| `part.enabled` | `true` | Whether it is on, or off. |\n"
        '| `part.resources` | `{"limits": {"cpu": "1"}}` | All of these. |\n'
        "| `part.inner.deep.hosts` |  | One a\\|b. |"
    )


def test_every_key_of_the_chart_is_documented() -> None:
    keys = read_keys((CHART / "values.yaml").read_text())

    rows = [row for key in keys for row in key.rows()]
    assert len(rows) > 100
    assert [row.path for row in rows if not row.comment] == []


def test_the_source_of_each_resource_is_said() -> None:
    keys = read_keys((CHART / "values.yaml").read_text())
    rows = [row for key in keys for row in key.rows() if row.path.endswith(".resources")]

    sources = {row.path: row.comment.split()[0] for row in rows}
    assert len(sources) == 9
    assert set(sources.values()) == {"Measured", "Not"}

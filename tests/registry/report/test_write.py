"""The report: its first sentences, its tables, its pictures, and text that means harm."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from registry.ledger.manifest import sha256_of
from registry.ledger.statement import PlanRef
from registry.report import write
from registry.report.content import Page, build
from registry.report.render import escape_markdown
from tests.registry.trials import POLICY, evidence_of, measurements_of, policy_of, trial_of

HARM = "<script>alert(1)</script> | `x`\n## [a](https://outside.example) \u202e &lt;"


class Parsed(HTMLParser):
    """The tags and attributes of a page, and its text by the tag that holds it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and data.strip():
            self.texts.setdefault(self.tags[-1][0], []).append(data)

    def addresses(self) -> list[str]:
        names = ("src", "href", "action", "data", "srcset")
        return [str(found[name]) for _, found in self.tags for name in names if name in found]


def page_of(
    folder: Path, measurements: dict[str, Any], *, first: bool = False, text: str = POLICY
) -> Page:
    policy = policy_of(folder, text)
    evidence = evidence_of(policy, measurements, first=first)
    return build(evidence, trial_of(folder, policy, first=first), policy, {"policy.yaml": "f" * 64})


def written(folder: Path, *, first: bool = False, **changed: Any) -> tuple[str, str]:
    """Write a report of a candidate that passes; return its HTML and its Markdown."""
    policy = policy_of(folder)
    evidence = evidence_of(policy, measurements_of(first=first), first=first, **changed)
    write.write(folder, evidence, trial_of(folder, policy, first=first), policy)
    return (folder / "report.html").read_text(), (folder / "report.md").read_text()


def test_passed(tmp_path: Path) -> None:
    page = page_of(tmp_path, measurements_of())
    assert page.headline == "Candidate 7 may be promoted."
    assert page.promotable
    assert page.reasons == (
        "All 4 required gates passed.",
        "It may go to Production until 2026-04-27T12:00:00Z, once it is approved by someone who is "
        "not an author.",
        "This policy does not require: a verified approver, a verified origin.",
    )


def test_refused_by_one_required_gate(tmp_path: Path) -> None:
    measurements = measurements_of()
    measurements["floor"]["candidate"]["average_precision"] = 0.3
    page = page_of(tmp_path, measurements)
    assert page.headline == "Candidate 7 must not be promoted: floor.average_precision failed."
    assert not page.promotable
    assert page.reasons == (
        "1 of 4 required gates failed.",
        "floor.average_precision failed. Required: average precision is at least 0.4. "
        "Measured: 0.300, bound 0.400.",
        "This policy does not require: a verified approver, a verified origin.",
    )


def test_refused_by_many_gates_names_two_and_counts_the_others(tmp_path: Path) -> None:
    measurements = measurements_of()
    measurements["floor"]["candidate"]["average_precision"] = 0.3
    measurements["no_worse"]["intervals"]["budget_recall"]["lower"] = -0.06
    measurements["no_worse"]["intervals"]["average_precision"]["lower"] = -0.01
    measurements["lineage"]["git_commit"] = ""
    page = page_of(tmp_path, measurements)
    assert page.headline == (
        "Candidate 7 must not be promoted: floor.average_precision, no_worse.budget_recall and "
        "2 more gates failed."
    )
    assert page.reasons[-2] == (
        "lineage failed. Required: run finished, and commit, data and environment recorded; no "
        "uncommitted change. Measured: 1, bound 0 (no git commit was recorded)."
    )


def test_an_advisory_failure_is_named_and_stops_nothing(tmp_path: Path) -> None:
    measurements = measurements_of()
    measurements["slices"]["slices"][1]["difference"] = -0.5
    page = page_of(tmp_path, measurements)
    assert page.headline == "Candidate 7 may be promoted."
    assert page.reasons[0] == "All 4 required gates passed."
    assert page.reasons[1] == (
        "Advisory, does not block: slices failed. Required: average precision falls in no slice by "
        "significantly more than 0.1. Measured: -0.304, bound -0.100 (2 slices, 3 with fewer than "
        "20 frauds; significant falls: day 1)."
    )


def test_first_promotion(tmp_path: Path) -> None:
    page = page_of(tmp_path, measurements_of(first=True), first=True)
    assert page.headline == "Candidate 7 may be promoted."
    assert page.reasons[-1] == "Nothing is in Production yet: there is nothing to compare with."
    assert page.budget == "At the alert budget of 1 a day"
    assert [row[:3] for row in page.business] == [
        ("Frauds caught per day", "1.00", "–"),
        ("Share of all frauds that is caught", "66.7%", "–"),
        ("Money saved per day, in the amounts' currency", "145.00", "–"),
        ("Precision of the alerts", "100.0%", "–"),
    ]
    assert page.decisions == (
        "At its threshold the candidate sends 2 of 8 transactions (25.00%) to review: "
        "2 frauds, 0 genuine."
    )
    assert page.slices == ()
    assert page.likely == ""


def test_a_lenient_policy_is_said_on_the_first_screen(tmp_path: Path) -> None:
    text = "four_eyes: false\n" + POLICY.replace("lineage: {}", "lineage: {clean_tree: false}")
    reasons = page_of(tmp_path, measurements_of(), text=text).reasons
    assert reasons[1:] == (
        "It may go to Production until 2026-04-27T12:00:00Z, once it is approved.",
        "This policy does not require: four eyes, a verified approver, a verified origin, a clean "
        "tree.",
    )


def test_business_numbers_stand_beside_productions(tmp_path: Path) -> None:
    page = page_of(tmp_path, measurements_of())
    assert (
        page.budget == "At the alert budget of 1 a day, compared with Production (ledger version 3)"
    )
    assert page.business == (
        ("Frauds caught per day", "1.00", "0.50", "+0.50", "+0.15 to +0.90", "better"),
        (
            "Share of all frauds that is caught",
            "66.7%",
            "33.3%",
            "+33.3 points",
            "+10.0 to +60.0 points",
            "better",
        ),
        (
            "Money saved per day, in the amounts' currency",
            "145.00",
            "95.00",
            "+50.00",
            "-120.00 to -10.00",
            "worse",
        ),
        (
            "Precision of the alerts",
            "100.0%",
            "50.0%",
            "+50.0 points",
            "-10.0 to +90.0 points",
            "no clear difference",
        ),
    )
    assert page.decisions == (
        "At each model's own threshold 3 of 8 transactions (37.50%) get a different decision: "
        "1 from approve to review (1 fraud, 0 genuine), 2 from review to approve (1 fraud, "
        "1 genuine)."
    )
    assert page.likely.startswith("Likely range: from 500 resamples of the transactions")


def test_the_worst_slices_come_first_by_the_end_that_the_gate_judges(tmp_path: Path) -> None:
    page = page_of(tmp_path, measurements_of())
    # 1.96 is the normal quantile of 1 - 0.05 / 2 slices.
    assert page.slices == (
        ("day 1", "1,000", "20", "-0.200", "-0.004", "passed (advisory)"),
        ("day 2", "1,000", "20", "+0.100", "+0.296", "passed (advisory)"),
    )
    slices_gate = next(row for row in page.gates if row[0] == "slices")
    assert slices_gate[2] == "-0.004"


def test_a_policy_without_comparing_gates_still_compares_the_business(tmp_path: Path) -> None:
    text = POLICY[: POLICY.index("gates:")] + "gates: {floor: {average_precision: 0.4}}"
    page = page_of(tmp_path, {"floor": measurements_of()["floor"]}, text=text)
    assert page.business[1][3:] == ("+33.3 points", "–", "–")
    assert page.slices == ()
    assert dict(page.provenance)["Gates left out"] == (
        "calibration, contract, decisions, integrity, invariance, latency, leakage, lineage, "
        "no_worse, plan, provenance, robustness, slices, without_history"
    )


PLAN = PlanRef(sequence=3, statement="f" * 64, approved_at=datetime(2026, 4, 2, 9, tzinfo=UTC))


def test_the_report_says_how_often_the_rows_have_judged_before_and_what_was_planned(
    tmp_path: Path,
) -> None:
    policy = policy_of(tmp_path)
    measurements = measurements_of()
    measurements["no_worse"]["earlier_looks"] = 13
    evidence = evidence_of(policy, measurements, earlier_candidates=12, earlier_looks=13, plan=PLAN)
    page = build(evidence, trial_of(tmp_path, policy), policy, {})
    assert page.reasons[-2:] == (
        "It was planned at 2026-04-02T09:00:00Z, in entry 3 of the ledger.",
        "These rows have judged 12 other candidates before, in 13 evaluations; the comparison with "
        "Production allows for that.",
    )
    assert "with 99.9845% confidence" in page.likely
    provenance = dict(page.provenance)
    assert provenance["Judged before on these rows"] == "12 other candidates, in 13 evaluations"
    assert provenance["Plan"] == f"entry 3, statement sha256:{'f' * 64}"


def test_write_leaves_pictures_a_page_and_a_summary(tmp_path: Path) -> None:
    html, markdown = written(tmp_path)
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"precision_recall.png", "score_shift.png", "intervals.png", "decisions.png"}
    for name in names:
        assert imread(tmp_path / "plots" / name)[..., :3].std() > 0.05
    assert Parsed(html).texts["h1"] == ["Candidate 7 may be promoted."]
    assert markdown.startswith("## Candidate 7 may be promoted.\n")
    assert markdown.endswith("</details>\n")


def test_first_promotion_has_the_pictures_that_make_sense(tmp_path: Path) -> None:
    html, markdown = written(tmp_path, first=True)
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert names == {"precision_recall.png", "score_distribution.png"}
    assert "| | candidate |\n|---|--:|\n| Frauds caught per day | 1.00 |" in markdown
    assert "candidate is" not in html


def test_the_page_needs_no_other_file_and_runs_nothing(tmp_path: Path) -> None:
    page = Parsed(written(tmp_path)[0])
    assert len(page.addresses()) == 4
    assert all(one.startswith("data:image/png;base64,") for one in page.addresses())
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base", "a"}
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]


def test_the_files_that_were_judged_are_listed_and_the_report_is_not(tmp_path: Path) -> None:
    files = {"model/model.onnx": "1" * 64, "policy.yaml": "2" * 64}
    _, markdown = written(tmp_path, files=files)
    assert f"| model/model.onnx | {'1' * 64} |" in markdown
    assert f"| policy.yaml | {'2' * 64} |" in markdown
    assert "| report.html | " not in markdown
    assert "plots/" not in markdown


def test_the_reports_own_files_are_returned_with_their_digests(tmp_path: Path) -> None:
    policy = policy_of(tmp_path)
    evidence = evidence_of(policy, measurements_of(first=True), first=True)
    files = write.write(tmp_path, evidence, trial_of(tmp_path, policy, first=True), policy)
    assert sorted(files) == [
        "plots/precision_recall.png",
        "plots/score_distribution.png",
        "report.html",
        "report.md",
    ]
    assert files["report.md"] == sha256_of(tmp_path / "report.md")


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path)


@pytest.fixture
def harmed(tmp_path: Path) -> tuple[str, str]:
    """A report whose author, policy, note, slice and origin say what does harm unescaped."""
    policy = policy_of(tmp_path)
    measurements = measurements_of()
    measurements["slices"]["slices"][0]["name"] = HARM
    measurements["lineage"]["run_status"] = HARM
    evidence = evidence_of(policy, measurements)
    evidence = evidence.model_copy(
        update={
            "authors": (HARM,),
            "policy": evidence.policy.model_copy(update={"name": HARM}),
            "rows": evidence.rows.model_copy(update={"origin": {HARM: HARM}}),
        }
    )
    write.write(tmp_path, evidence, trial_of(tmp_path, policy), policy)
    return (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()


def test_html_shows_untrusted_text_as_text(harmed: tuple[str, str]) -> None:
    page = Parsed(harmed[0])
    assert "script" not in {tag for tag, _ in page.tags}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in harmed[0]
    shown = HARM.replace("\n", " ").replace("\u202e", " ")
    assert shown in page.texts["td"]
    assert "\u202e" not in harmed[0]


def test_markdown_shows_untrusted_text_as_text(harmed: tuple[str, str]) -> None:
    markdown = harmed[1]
    assert "<script" not in markdown
    assert "\u202e" not in markdown
    assert not re.search(r"(?<!\\)`", markdown)
    assert not re.search(r"(?<!\\)\[", markdown)
    assert [line for line in markdown.splitlines() if line.startswith("## ")] == [
        "## Candidate 7 must not be promoted: lineage failed."
    ]


def test_each_row_of_a_markdown_table_has_as_many_cells_as_its_head(
    harmed: tuple[str, str],
) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", harmed[1], flags=re.MULTILINE):
        bars = [len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()]
        assert len(set(bars)) == 1, block


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("`code`", r"\`code\`"),
        ("one\n two\r\nthree", "one two three"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("back\\slash|", r"back\\slash\|"),
        ("![x](y) *z* _w_ ~v~ #1 $u$", r"\!\[x\](y) \*z\* \_w\_ \~v\~ \#1 \$u\$"),
        ("", ""),
    ],
)
def test_markdown_escapes(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped

"""The pull-request summary fits, folds and obeys no name."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from analysis.model import Contrast, Experiment, Report, Validity
from analysis.render.markdown import LINES, to_markdown

GOLDEN = Path(__file__).parent / "golden"


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_the_summary_reads_as_agreed(name: str) -> None:
    """The whole text is pinned: change the golden file only on purpose."""
    assert to_markdown(load(name)) == (GOLDEN / f"{name}.md").read_text(encoding="utf-8")


def test_a_run_of_many_lines_still_fits() -> None:
    """However many lines, endpoints and steps there are, at most 60 lines are written, the worst first."""
    report = load("sample")
    many: dict[str, object] = {"slo": report.slo * 12, "next_steps": ["step"] * 30, "notes": ["note"] * 30}
    many["verdict"] = "invalid"
    many["validity"] = Validity(verdict="invalid", reasons=["reason"] * 30)
    text = to_markdown(report.model_copy(update=many))
    assert len(text.splitlines()) <= LINES
    assert "and 108 more" in text
    assert text.index("fail |") < text.index("more in report.html")


def test_a_campaign_with_everything_still_fits() -> None:
    """Arms, advice and thirty endpoints too: endpoints become rows, and what is cut is said inside its table."""
    report = load("sample")
    groups = [report.groups[1].model_copy(update={"endpoint": f"model-{i:02}"}) for i in range(30)]
    contrast = Contrast(base="a", candidate="b", figures={}, sentence="b is steadier than a")
    many: dict[str, object] = {
        "groups": groups,
        "slo": report.slo * 12,
        "standings": report.standings * 15,
        "notes": ["note"] * 30,
        "experiment": Experiment(arms=[], contrasts=[contrast] * 10),
    }
    lines = to_markdown(report.model_copy(update=many)).splitlines()
    assert len(lines) <= LINES
    assert next(line for line in lines if "model-00" in line).startswith("| `model-00` | 1,623 ms [1,507, 1,761] |")
    assert "- \u2026 and 27 more endpoints in report.html" in lines
    cut = next(line for line in lines if "more in report.html |" in line and "none worse" not in line)
    assert cut.count("|") == next(line for line in lines if "model-00" in line).count("|")


def test_no_limit_is_not_a_pass() -> None:
    """Without SLO lines the title claims no verdict, and no endpoint has a sign."""
    text = to_markdown(load("sample").model_copy(update={"verdict": "pass", "slo": []}))
    assert text.startswith("## \u2796 NO LIMIT SET: quickstart\n")
    assert "\u2705" not in text


def test_an_invalid_run_says_that_its_verdicts_do_not_stand() -> None:
    """A passed line in the table of an invalid run is not read as a pass."""
    state = Validity(verdict="invalid", reasons=["loop lag"])
    text = to_markdown(load("sample").model_copy(update={"verdict": "invalid", "validity": state}))
    assert "none of these verdicts stands" in text


def test_hostile_names_make_no_markup() -> None:
    """Only our own tags and comments are HTML, and no link or image is made."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(to_markdown(load("hostile")))
    inline = [child for token in tokens for child in token.children or []]
    assert {child.content for child in inline if child.type == "html_inline"} <= {"<!-- -->"}
    assert {"link_open", "image"}.isdisjoint({child.type for child in inline})
    blocks = {token.content.strip() for token in tokens if token.type == "html_block"}
    summaries = {"Figures per endpoint", "How this was measured"}
    assert blocks == {"</details>", *(f"<details><summary>{title}</summary>" for title in summaries)}

"""The page says what the report says, needs no network, and obeys no name."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic import BASE, LARGE, Plan, write_run

from analysis.model import NotEstimable, Plots, Report, Validity
from analysis.render.html import html
from analysis.report import build

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "link", "br", "img", "hr", "input"}
WORDS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "invalid": "INVALID"}


class Page(HTMLParser):
    """A parsed page: every start tag with its attributes, the visible text, and tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag; void ones are never open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be of this name."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text that is not script or style."""
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        """The visible text, blanks normalised."""
        return " ".join(" ".join(self.words).split())


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample() -> Report:
    """Give the realistic report."""
    return load("sample")


@pytest.fixture(scope="module")
def page(sample: Report) -> Page:
    """Give its page."""
    return Page(html(sample))


def test_the_page_is_well_formed(page: Page) -> None:
    """Every tag is closed in order."""
    assert page.open == []


def test_the_verdict_comes_first(page: Page) -> None:
    """Word, headline and next steps precede every table."""
    order = [page.text.index(part) for part in ("FAIL", "large fails", "What to do next", "Service levels")]
    assert order == sorted(order)


@pytest.mark.parametrize("verdict", list(WORDS))
def test_each_verdict_has_its_word_and_shape(sample: Report, verdict: str) -> None:
    """The banner is told without colour."""
    reasons = ["loop lag"] if verdict == "invalid" else []
    state = Validity(verdict="invalid" if reasons else "valid", reasons=reasons)
    text = html(sample.model_copy(update={"verdict": verdict, "validity": state}))
    banner = re.search(r'<section class="verdict (\w+)".*?</section>', text, re.DOTALL)
    assert banner is not None
    assert banner[1] == verdict
    assert f">{WORDS[verdict]}</h2>" in banner[0]
    assert f"#icon-{verdict}" in banner[0]


def test_no_limit_is_not_a_pass(sample: Report) -> None:
    """A run without SLO lines passes for CI; the page says that nothing was judged, without the sign of a pass."""
    text = html(sample.model_copy(update={"verdict": "pass", "slo": []}))
    banner = re.search(r'<section class="verdict (\w+)".*?</section>', text, re.DOTALL)
    assert banner is not None
    assert (banner[1], "NO LIMIT SET" in banner[0], "#icon-pass" in banner[0]) == ("unjudged", True, False)


def test_an_invalid_run_voids_its_lines(sample: Report) -> None:
    """No line of an invalid run reads as a verdict that stands."""
    text = html(
        sample.model_copy(update={"verdict": "invalid", "validity": Validity(verdict="invalid", reasons=["x"])})
    )
    assert "none of these verdicts stands" in Page(text).text


def test_nothing_is_fetched(page: Page) -> None:
    """No tag names another file or host, and the policy forbids any."""
    links = [attrs.get(key) for _, attrs in page.tags for key in ("src", "href", "action", "data")]
    assert {link for link in links if link and not link.startswith("#")} == {"data:,"}
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_hostile_names_are_text() -> None:
    """Names with markup add no tag, close no script, and hide no character."""
    text = html(load("hostile"))
    found = Page(text)
    assert found.open == []
    assert "img" not in {tag for tag, _ in found.tags}
    assert not [attrs for _, attrs in found.tags if any(name.startswith("on") for name in attrs)]
    assert "</script><img src=x onerror=alert(1)>" in found.text
    assert "{{ 7*7 }}" in found.text
    assert "\\u202egnp.exe" in found.text
    assert not set(text) & {"\x1b", "\u202e"}


def test_the_data_of_the_plots_is_json_in_every_case() -> None:
    """The embedded data reads back, with the hostile name as it is shown, and holds no tag."""
    text = html(load("hostile"))
    data = re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert "<" not in data[1]
    names = [course["name"] for course in json.loads(data[1])["courses"]]
    assert names[0].startswith("</script><img src=x onerror=alert(1)>")


def test_tables_are_named_and_their_heads_scoped(page: Page) -> None:
    """A screen reader can announce each table and each cell's head."""
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table") > 5
    assert [attrs for tag, attrs in page.tags if tag == "th" and "scope" not in attrs] == []


def test_pictures_have_text_alternatives(page: Page) -> None:
    """Each plot says its figures in words."""
    images = [attrs.get("aria-label") or "" for _, attrs in page.tags if attrs.get("role") == "img"]
    assert all(images)
    assert any("large: p50 520 ms [508, 534]" in words for words in images)


def test_the_breached_figure_is_marked_side_by_side(sample: Report) -> None:
    """What broke is seen in the comparison of endpoints too."""
    sides = re.search(r'<table class="sides[^>]*>.*?</table>', html(sample), re.DOTALL)
    assert sides is not None
    assert sides[0].count("breached") == len([line for line in sample.slo if line.verdict == "fail"])


def test_many_endpoints_are_rows_and_long_lists_are_folded(sample: Report) -> None:
    """Thirty endpoints: a row each, the worst lines shown, the others counted in a fold."""
    groups = [sample.groups[1].model_copy(update={"endpoint": f"model-{i:02}"}) for i in range(30)]
    text = html(sample.model_copy(update={"groups": groups, "slo": sample.slo * 6, "standings": sample.standings * 15}))
    found = Page(text)
    assert found.open == []
    assert '<table class="sides across">' in text
    assert "26 more endpoints: 13 fail, 13 pass" in found.text
    assert "48 more lines: 12 inconclusive, 36 pass" in found.text


def test_every_place_that_the_contents_name_is_there(sample: Report) -> None:
    """Links within the page lead somewhere."""
    text = html(sample)
    tags = Page(text).tags
    anchors = [str(attrs["href"])[1:] for tag, attrs in tags if tag == "a"]
    assert set(anchors) <= {attrs.get("id") for _, attrs in tags}
    assert {"method", "glossary", "levels-title"} <= set(anchors)


def test_no_identifier_comes_twice(page: Page) -> None:
    """A screen reader that follows a label finds one target."""
    found = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert sorted(set(found)) == sorted(found)


def test_a_campaign_says_which_to_take(tmp_path: Path) -> None:
    """With several endpoints the page has the selection: advice, picture, candidates; an invalid run has none."""
    write_run(tmp_path, Plan(models=(LARGE, BASE), turns=600))
    report = build(tmp_path)
    text = Page(html(report)).text
    assert "Which to take" in text
    assert "small dominates large" in text
    void = report.model_copy(update={"verdict": "invalid", "validity": Validity(verdict="invalid", reasons=["x"])})
    assert "Which to take" not in Page(html(void)).text


def test_a_report_of_nothing_renders(sample: Report) -> None:
    """No lines, groups, plots, costs or notes: still a page."""
    nothing = {"slo": [], "groups": [], "phases": [], "health": [], "cost": {}, "notes": [], "next_steps": []}
    bare = sample.model_copy(update={**nothing, "plots": Plots(spectra={}, timelines={})})
    found = Page(html(bare))
    assert found.open == []
    assert "The scenario has no slo: lines" in found.text


def test_what_is_not_estimable_is_no_number(sample: Report) -> None:
    """A figure without value shows the words and why, never 0."""
    missing = NotEstimable(not_estimable="3,188 turns; 3,688 needed")
    line = next(line for line in sample.slo if line.figure == missing)
    found = Page(html(sample.model_copy(update={"slo": [line]})))
    assert "not estimable" in found.text
    assert "3,688 needed" in found.text

"""JUnit: one case per line and endpoint, and no way for a run that did not pass to look green."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from analysis.model import Report, Validity
from analysis.render.junit import to_junit

GOLDEN = Path(__file__).parent / "golden"


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def cases(report: Report) -> list[tuple[str | None, str | None, str | None]]:
    """Give class, name and failure type of each case."""
    root = ET.fromstring(to_junit(report))  # noqa: S314  our own document
    found = [(case, case.find("failure")) for case in root.iter("testcase")]
    return [(c.get("classname"), c.get("name"), None if f is None else f.get("type")) for c, f in found]


def test_the_document_is_as_agreed() -> None:
    """The whole text is pinned: change the golden file only on purpose."""
    assert to_junit(load("sample")) == (GOLDEN / "sample.junit.xml").read_bytes()


def test_each_line_and_endpoint_is_a_case_with_a_failure_type_of_its_verdict() -> None:
    """Breached and not decided are failures of different types; what passes has none."""
    report = load("sample")
    types = {"pass": None, "fail": "slo.breached", "inconclusive": "slo.inconclusive"}
    expected = {(f"tailgate.slo.{line.endpoint}", line.line, types[line.verdict]) for line in report.slo}
    found = cases(report)
    assert found[0][2] is None
    assert expected == set(found[1:])
    assert len(report.slo) == len(found) - 1


def test_no_case_of_an_invalid_run_passes() -> None:
    """All cases fail as invalid, passed lines too."""
    state = Validity(verdict="invalid", reasons=["loop lag p99 412 ms, 50 allowed"])
    report = load("sample").model_copy(update={"verdict": "invalid", "validity": state})
    assert {kind for _, _, kind in cases(report)} == {"run.invalid"}


def test_what_is_not_decided_is_skipped_on_request() -> None:
    """Skips keep the type of what they stand for; breached lines and the invalid run itself stay failures."""
    report = load("sample")
    count = Counter(line.verdict for line in report.slo)
    assert kinds(report, "skipped") == ["slo.inconclusive"] * count["inconclusive"]
    assert kinds(report, "failure") == ["slo.breached"] * count["fail"]
    invalid = report.model_copy(
        update={"verdict": "invalid", "validity": Validity(verdict="invalid", reasons=["late"])}
    )
    assert kinds(invalid, "skipped") == ["run.invalid"] * len(report.slo)
    assert kinds(invalid, "failure") == ["run.invalid"]


def kinds(report: Report, tag: str) -> list[str | None]:
    """Give the type of each failure or skip where undecided lines are skipped."""
    root = ET.fromstring(to_junit(report, "skip"))  # noqa: S314  our own document
    return [found.get("type") for found in root.iter(tag)]


@pytest.mark.parametrize("lines", [0, 1])
def test_an_inconclusive_run_is_never_green(lines: int) -> None:
    """Where every line passes, or there is none, the run's own verdict is a case that fails."""
    report = load("sample")
    passed = [line for line in report.slo if line.verdict == "pass"][:lines]
    found = cases(report.model_copy(update={"slo": passed, "verdict": "inconclusive"}))
    assert [kind for _, _, kind in found] == [None, "slo.inconclusive", *([None] * lines)]


def test_a_run_without_lines_has_a_case() -> None:
    """Validity alone is one case: a tool that wants at least one test finds it."""
    assert len(cases(load("sample").model_copy(update={"slo": [], "verdict": "pass"}))) == 1


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_counts_agree_with_cases(name: str) -> None:
    """The totals that CI servers read match the cases."""
    report = load(name)
    root = ET.fromstring(to_junit(report))  # noqa: S314  our own document
    failed = [kind for _, _, kind in cases(report) if kind]
    assert (str(len(report.slo) + 1), str(len(failed))) == (root.get("tests"), root.get("failures"))


def test_hostile_names_stay_text() -> None:
    """A name with markup and controls is an attribute's text, and the document is well formed."""
    names = {classname for classname, _, _ in cases(load("hostile"))}
    assert any("</script><img src=x onerror=alert(1)>" in (name or "") for name in names)
    assert b"\x1b" not in to_junit(load("hostile"))

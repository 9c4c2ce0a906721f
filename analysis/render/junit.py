"""`junit.xml`: one case per SLO line and endpoint, and one for the run's validity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from analysis.render import summary
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from junitparser.junitparser import Result

    from analysis.model import Report
    from analysis.render.summary import SloRow

BREACHED, INCONCLUSIVE, INVALID = "slo.breached", "slo.inconclusive", "run.invalid"
"""The failure types: breached, not decided, and not to be trusted at all."""


Undecided = Literal["fail", "skip"]
"""What becomes of lines that are not decided."""
RESULTS: dict[Undecided, type[Result]] = {"fail": Failure, "skip": Skipped}


def to_junit(report: Report, undecided: Undecided = "fail") -> bytes:
    """Give the document: a case fails with a type of its own unless its line passes in a valid run.

    With `skip`, lines that are inconclusive, and all lines of an invalid run, are skipped with these types; that the
    run is invalid stays a failure.
    """
    suite = TestSuite(clean(f"tailgate: {report.name}"))
    suite.timestamp = clean(report.started_at)
    suite.add_property("run_id", clean(report.run_id))
    suite.add_property("verdict", report.verdict)
    reasons = _reasons(report) if _is_invalid(report) else ""
    suite.add_testcase(validity("the load generator was not the bottleneck", reasons))
    if report.verdict == "inconclusive" and all(line.verdict == "pass" for line in report.slo):
        case = TestCase("every endpoint was measured", classname="tailgate.run")
        case.result = [failure(clean(report.headline), INCONCLUSIVE)]
        suite.add_testcase(case)
    for row in summary.slo_rows(report):
        suite.add_testcase(_case(row, report, RESULTS[undecided]))
    return to_document("tailgate", suite)


def to_document(name: str, suite: TestSuite) -> bytes:
    """Give a document of one suite, the same bytes whichever XML library junitparser found."""
    document = JUnitXml(name)
    document.add_testsuite(suite)
    document.update_statistics()
    root = ET.fromstring(document.tostring())  # noqa: S314  our own document, made a line above
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def validity(name: str, reasons: str) -> TestCase:
    """Give the case of the measurement itself, which fails where there are reasons against it."""
    case = TestCase(name, classname="tailgate.run")
    if reasons:
        case.result = [failure(reasons, INVALID)]
    return case


def _case(row: SloRow, report: Report, undecided: type[Result]) -> TestCase:
    case = TestCase(row.line, classname=f"tailgate.slo.{row.endpoint}")
    figure = f"{row.value} {row.interval}".rstrip()
    facts = f"{row.endpoint}: {row.line}: {figure}, n = {row.n}. {row.sentence}"
    case.system_out = facts
    if _is_invalid(report):
        why = f"run invalid, so this line is not decided: {_reasons(report)}"
        case.result = [failure(why, INVALID, facts, undecided)]
    elif row.verdict == "fail":
        case.result = [failure(row.sentence, BREACHED, facts)]
    elif row.verdict == "inconclusive":
        case.result = [failure(row.sentence, INCONCLUSIVE, facts, undecided)]
    return case


def _is_invalid(report: Report) -> bool:
    return report.verdict == "invalid" or report.validity.verdict == "invalid"


def _reasons(report: Report) -> str:
    return "; ".join(clean(reason) for reason in report.validity.reasons) or clean(report.headline)


def failure(message: str, kind: str, text: str = "", result: type[Result] = Failure) -> Result:
    """Give a failure of a kind, or a skip."""
    made = result(message, kind)
    made.text = text or message
    return made

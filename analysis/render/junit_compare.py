"""`compare.junit.xml`: one case per margin and pair, and one for the validity of the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from junitparser import TestCase, TestSuite

from analysis.comparing import verdict_text
from analysis.render.junit import INVALID, RESULTS, Undecided, failure, to_document, validity
from analysis.words.figures import unit_word
from analysis.words.plaintext import clean

if TYPE_CHECKING:
    from junitparser.junitparser import Result

    from analysis.comparing.comparison import Comparison, MarginLine

BROKEN, INCONCLUSIVE = "margin.broken", "margin.inconclusive"


def to_junit(comparison: Comparison, undecided: Undecided = "fail") -> bytes:
    """Give the document; a case fails with a type of its own unless its margin is kept by valid runs.

    With `skip`, margins that are not decided are skipped with these types; that a run is invalid stays a failure.
    """
    names = [", ".join(clean(run.folder) for run in side) for side in (comparison.candidate, comparison.base)]
    suite = TestSuite(f"tailgate compare: {names[0]} against {names[1]}")
    suite.add_property("verdict", comparison.verdict)
    reasons = _reasons(comparison) if comparison.verdict == "invalid" else ""
    suite.add_testcase(validity("the load generators were not the bottleneck", reasons))
    for line in comparison.lines:
        suite.add_testcase(_case(line, comparison, RESULTS[undecided]))
    return to_document("tailgate compare", suite)


def _case(line: MarginLine, comparison: Comparison, undecided: type[Result]) -> TestCase:
    case = TestCase(clean(line.line), classname=clean(f"tailgate.compare.{line.pair}"))
    effect = verdict_text.effect_text(line.figure, line.form, unit_word(line.unit))
    sentence = clean(line.sentence)
    case.system_out = clean(f"{line.pair}: {line.line}: {effect}. {line.sentence}")
    if comparison.verdict == "invalid":
        why = f"a run is invalid, so this is not decided: {_reasons(comparison)}"
        case.result = [failure(why, INVALID, sentence, undecided)]
    elif line.verdict == "fail":
        case.result = [failure(sentence, BROKEN)]
    elif line.verdict == "inconclusive":
        case.result = [failure(sentence, INCONCLUSIVE, result=undecided)]
    return case


def _reasons(comparison: Comparison) -> str:
    return "; ".join(clean(reason) for run in (*comparison.base, *comparison.candidate) for reason in run.reasons)

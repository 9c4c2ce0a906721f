"""The quality section: bars of verdicts, shares with intervals and n, hostile answers as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.model import Estimate, GradedExample, Quality, QualityRow, Report
from analysis.render.graded import graded
from analysis.render.html import html
from analysis.render.sides import sides
from analysis.words import figures

GOLDEN = Path(__file__).parent / "golden"
ACCURACY = figures.label("accuracy")
HOSTILE = "</dd><script>alert(1)</script>\x1b[31m\u202e=1+1"


@pytest.fixture(scope="module")
def quality() -> Quality:
    """Give 200 graded answers of one endpoint, nine in ten right, and two that are not."""
    accuracy = Estimate(value=0.9, low=0.85, high=0.93, n=200, n_effective=80, method="Wilson at effective n")
    row = QualityRow(
        endpoint="large",
        arm="",
        cases=20,
        intended=210,
        answered=204,
        graded=200,
        verdicts={"right": 180, "wrong": 15, "unsafe": 5},
        figures={"accuracy": accuracy, "unsafe_share": Estimate(value=0.025, low=0.01, high=0.06, n=200, method="W")},
    )
    texts = {"case_id": "c1", "evidence": HOSTILE, "prompt": HOSTILE, "answer": HOSTILE}
    examples = [GradedExample(endpoint="large", arm="", verdict=verdict, **texts) for verdict in ("wrong", "unsafe")]
    return Quality(endpoints=[row], examples=examples)


def page(quality: Quality) -> str:
    """Give the sample's page with graded answers."""
    report = Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))
    return html(report.model_copy(update={"quality": quality}))


def test_the_bar_goes_from_right_to_unsafe(quality: Quality) -> None:
    """Pieces are laid end to end, and each says how many of the graded answers it is."""
    ((name, pieces),) = graded(quality).bars
    assert name == "large"
    assert [(piece.name, piece.start, piece.width, piece.share) for piece in pieces] == [
        ("right", 0.0, 90.0, "180 of 200"),
        ("wrong", 90.0, 7.5, "15 of 200"),
        ("unsafe", 97.5, 2.5, "5 of 200"),
    ]


def test_shares_have_interval_and_counts(quality: Quality) -> None:
    """Accuracy first, with what it rests on; then from how many cases and answers."""
    rows = dict(graded(quality).table.rows)
    (accuracy,) = rows[ACCURACY]
    assert (accuracy.value, accuracy.interval) == ("90.0%", "[85.0, 93.0]")
    assert accuracy.note.startswith("n = 200 (worth 80 independent turns)")
    assert [rows[name][0].value for name in ("Cases", "Intended", "Answered", "Graded")] == ["20", "210", "204", "200"]


def test_the_worst_answer_comes_first_as_text(quality: Quality) -> None:
    """What a model answered makes no tag, moves no cursor and turns no line around."""
    assert [one.verdict for one in graded(quality).examples] == ["unsafe", "wrong"]
    text = page(quality)
    assert "<script>alert(1)" not in text
    assert not set(text) & {"\x1b", "\u202e"}
    assert text.count("&lt;script&gt;alert(1)") == 6


def test_accuracy_stands_beside_latency_and_cost(quality: Quality) -> None:
    """Side by side each endpoint has its accuracy; one without graded answers has a dash."""
    report = Report.model_validate_json((GOLDEN / "sample.json").read_text(encoding="utf-8"))
    found = {side.label: side.cells for side in sides(report.model_copy(update={"quality": quality}))}
    assert [cell.value for cell in found[ACCURACY]] == ["90.0%", "\u2013"]
    assert ACCURACY not in {side.label for side in sides(report)}


def test_nothing_graded_is_said(quality: Quality) -> None:
    """A row without graded answers has an empty bar, and no division by none."""
    none = quality.endpoints[0].model_copy(update={"graded": 0, "verdicts": {}, "figures": {}})
    assert "nothing graded" in page(Quality(endpoints=[none], examples=[]))

"""Evaluation: a rubric alone, on a run's answers or on a file of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.comparing.side import entries_of
from analysis.measures import quality
from analysis.measures.part import Part
from analysis.model import Frozen, Quality, SloLine
from analysis.rows.answers import read_answers
from analysis.rows.attempts import empty_attempts
from analysis.rows.grades import LABELS, Grades, expected_of, grades, judge, rubric_of
from analysis.rows.read import read_meta, read_run
from analysis.verdicts import slo_eval
from scenarios.errors import TailgateError
from scenarios.slo import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scenarios.rubric import Rubric
    from scenarios.slo import Slo

EVALUATION_SCHEMA_VERSION = 1
HOW = "write `expect` in the prompts, or cases in a rubric: tailgate eval … --rubric FILE"


class Agreement(Frozen):
    """How often the rubric's verdict is the label that a person gave: `apart` counts pairs "label, verdict"."""

    labelled: int
    agreed: int
    apart: dict[str, int]


class Evaluation(Frozen):
    """What a rubric says of answers, and the objectives on quality held against that."""

    schema_version: int = EVALUATION_SCHEMA_VERSION
    source: str
    quality: Quality
    slo: list[SloLine]
    agreement: Agreement | None = None
    notes: list[str]


def evaluate_run(folder: Path, rubric: Rubric | None, extra: Sequence[Slo]) -> Evaluation:
    """Grade a run's answers by `rubric`, else by its scenario's. Raises TailgateError where nothing is expected."""
    run = read_run(folder)
    notes: list[str] = []
    graded = grades(folder, run.meta, notes, rubric)
    if graded is None:
        raise TailgateError(f"{folder}: no case says what it expects: {HOW}")
    lines = [line for line in slo_eval.slos(run.meta)[0] if is_about_quality(line)]
    found = [entry.part for entry in entries_of(run, rubric).values()]
    return _evaluation(str(folder), found, graded, [*lines, *extra], run.meta.get("cases"), notes=notes)


def evaluate_file(path: Path, rubric: Rubric | None, extra: Sequence[Slo]) -> Evaluation:
    """Grade a file of answers; what is expected stands in `rubric`, in the run.json beside it, or in the lines.

    Raises TailgateError where nothing is expected.
    """
    notes: list[str] = []
    beside = path.with_name("run.json")
    meta = read_meta(beside, notes) if beside.is_file() else {}
    rubric = rubric or rubric_of(meta, notes)
    answers = read_answers([path], notes)
    expected = expected_of(meta, rubric, notes)
    graded = Grades(expected, judge(answers, expected, rubric))
    if not graded.judged:
        raise TailgateError(f"{path}: of {len(answers):,} answers none is of a case that says what it expects: {HOW}")
    return _evaluation(str(path), _parts(graded), graded, extra, meta.get("cases"), notes=notes)


def is_about_quality(line: Slo) -> bool:
    """Tell whether a line can be decided by grades alone."""
    return METRICS[line.metric].kind == "quality" and line.form == "limit"


def _evaluation(  # noqa: PLR0913 - what is graded, by what, against what
    source: str, found: Sequence[Part], graded: Grades, lines: Sequence[Slo], cases: object, *, notes: list[str]
) -> Evaluation:
    block = quality.quality(found, graded)
    assert block is not None
    return Evaluation(
        source=source,
        quality=block,
        slo=[_held(line, part, cases) for line in lines for part in found if slo_eval.concerns(line, part)],
        agreement=_agreement(graded),
        notes=notes,
    )


def _held(line: Slo, part: Part, cases: object) -> SloLine:
    if line.kind:
        rows = slo_eval.of_kind(part, line.kind, cases)
        part = replace(part, turns=part.turns[rows].reset_index(drop=True))
    return slo_eval.evaluate(line, part, None, quality.figures(part.turns, part.seed))


def _agreement(graded: Grades) -> Agreement | None:
    pairs = [(one.answer.label, one.grade.verdict.value) for one in graded.judged.values() if one.answer.label]
    if not pairs:
        return None
    apart = Counter(f"{label}, {verdict}" for label, verdict in pairs if label != verdict)
    return Agreement(labelled=len(pairs), agreed=len(pairs) - apart.total(), apart=dict(sorted(apart.items())))


def _parts(graded: Grades) -> list[Part]:
    """Give the answers of each endpoint and arm as if they were the turns of a steady phase."""
    rows = pd.DataFrame(
        {
            "endpoint": [one.answer.endpoint for one in graded.judged.values()],
            "arm": [one.answer.arm for one in graded.judged.values()],
            "turn_id": pd.Categorical(list(graded.judged)),
            "case_id": pd.Categorical([one.answer.case_id for one in graded.judged.values()]),
            "grade": pd.Categorical([one.grade.verdict.value for one in graded.judged.values()], list(LABELS)),
        }
    )
    empty = empty_attempts()
    return [
        Part(str(endpoint), str(arm), "steady", 0.0, 0.0, own.reset_index(drop=True), empty, 0)
        for (endpoint, arm), own in rows.groupby(["endpoint", "arm"], sort=False)
    ]

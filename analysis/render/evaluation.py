"""What a rubric says of answers: in words, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from analysis.render.terminal import print_lines, print_table
from analysis.words import figures
from analysis.words.plaintext import clean
from analysis.words.wording import target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from analysis.evaluation import Agreement, Evaluation
    from analysis.model import QualityRow

LONGEST = 100
"""Characters of an answer that are shown."""


def to_json(evaluation: Evaluation) -> str:
    """Give the evaluation as JSON."""
    return json.dumps(evaluation.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print counts and figures of each endpoint, examples, the agreement with people, and the objectives."""
    rows = evaluation.quality.endpoints
    print_table(("", *(clean(target(row.endpoint, row.arm)) for row in rows)), list(_table(rows)), console)
    console.print()
    print_lines(_examples(evaluation), console)
    print_lines([*_agreement(evaluation.agreement), *(f"note: {clean(note)}" for note in evaluation.notes)], console)
    print_lines((f"{line.verdict}: {clean(line.sentence)}" for line in evaluation.slo), console)


def _table(rows: list[QualityRow]) -> Iterator[list[str]]:
    for name in ("cases", "intended", "answered", "graded"):
        yield [figures.label(name), *(f"{getattr(row, name):,}" for row in rows)]
    for name in dict.fromkeys(name for row in rows for name in row.figures):
        found = [row.figures.get(name) for row in rows]
        texts = [figures.MISSING if one is None else figures.figure_text(one, "share") for one in found]
        yield [figures.label(name), *texts]


def _examples(evaluation: Evaluation) -> Iterator[str]:
    for one in sorted(evaluation.quality.examples, key=lambda one: (one.verdict, one.endpoint, one.arm)):
        where = f"{target(one.endpoint, one.arm)}, {one.case_id}"
        yield clean(f"{one.verdict}: {where}: {one.evidence}: {one.answer[:LONGEST]!r}")


def _agreement(found: Agreement | None) -> Iterator[str]:
    if found is None:
        return
    yield f"agreement: {found.agreed:,} of {found.labelled:,} answers are graded as people labelled them"
    for pair, count in found.apart.items():
        yield clean(f"apart: {count:,} times label, verdict: {pair}")

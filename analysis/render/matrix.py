"""`matrix.html`, `matrix.md` and `matrix.json`: the selection for people, for a pull request, for machines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from analysis.render.compare import SIGNS
from analysis.render.files import replace_file
from analysis.render.html import environment
from analysis.render.scatter import scatter, unit, words
from analysis.render.summary import cell
from analysis.words import figures
from analysis.words.plaintext import clean, markdown, markdown_code

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.selecting.selection import Matrix


def write_all(matrix: Matrix, folder: Path) -> list[Path]:
    """Write the three files, each whole or not at all; give their paths. Raises TailgateError."""
    files = {"matrix.html": html(matrix), "matrix.md": to_markdown(matrix), "matrix.json": to_json(matrix)}
    return [replace_file(folder / name, text.encode()) for name, text in files.items()]


def to_json(matrix: Matrix) -> str:
    """Give the machine's matrix: ASCII alone; NaN and infinity are null."""
    return json.dumps(json.loads(matrix.model_dump_json()), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def to_markdown(matrix: Matrix) -> str:
    """Give the advice first, then the table."""
    lines = ["## Selection", "", *(f"- {markdown(one.sentence)}" for one in matrix.advice), ""]
    lines += [f"| candidate | {' | '.join(map(words, matrix.columns))} | undominated | limits |"]
    lines += ["|---|" + "--:|" * len(matrix.columns) + "--:|---|"]
    for one in matrix.candidates:
        found = [cell(one.figures[name], unit(name)) for name in matrix.columns]
        kept = "".join(SIGNS[line.verdict] for line in one.limits) if one.valid else f"{SIGNS['invalid']} invalid run"
        cells = " | ".join(f"{each.value} {each.interval}".rstrip() for each in found)
        lines.append(f"| {markdown_code(one.name)} | {cells} | {_percent(one.on_front)} | {kept} |")
    lines += ["", *(f"- {markdown(text)}" for text in relations(matrix)), ""]
    lines += [*(f"- {markdown(note)}" for note in matrix.notes)]
    return "\n".join(lines) + "\n"


def relations(matrix: Matrix) -> list[str]:
    """Say who dominates whom and how sure that is, and who cannot be told apart."""
    found = [
        f"{clean(one.winner)} dominates {clean(one.loser)}, {_percent(one.confidence)} sure"
        for one in matrix.dominances
    ]
    found += [f"{clean(a)} and {clean(b)} cannot be told apart by any criterion" for a, b in matrix.indistinguishable]
    if len(matrix.candidates) == 1:
        return ["there is one candidate, so there is nobody to dominate it"]
    return found or ["nobody surely dominates another: each is better by one criterion or not surely worse"]


def html(matrix: Matrix) -> str:
    """Give the whole page; the same matrix gives the same text."""
    page = (
        environment()
        .get_template("matrix.html.j2")
        .render(
            matrix=matrix,
            title="Selection matrix",
            heading="Selection matrix",
            facts=[f"{len(matrix.candidates)} candidates"],
            taken=any(one.candidate for one in matrix.advice),
            chart=scatter(matrix),
            heads=[words(name) for name in matrix.columns],
            rows=[
                {
                    "name": clean(one.name),
                    "cells": [cell(one.figures[name], unit(name)) for name in matrix.columns],
                    "turns": f"{one.turns:,}",
                    "front": _percent(one.on_front),
                    "best": _percent(one.best),
                    "invalid": not one.valid,
                    "limits": [{"line": clean(line.line), "verdict": line.verdict} for line in one.limits],
                }
                for one in matrix.candidates
            ],
            relations=relations(matrix),
        )
    )
    return re.sub(r"\n\s+", "\n", page)


def _percent(chance: float | None) -> str:
    if chance is None:
        return figures.MISSING
    return ">99.9%" if chance > 0.999 else f"{100 * chance:.1f}%"

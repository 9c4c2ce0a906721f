"""`matrix.html`, `matrix.md` and `matrix.json`: the selection for people, for a pull request, for machines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from analysis.render.compare import SIGNS
from analysis.render.files import replace_file
from analysis.render.html import environment
from analysis.render.scatter import unit, words
from analysis.render.selection import percent, relations, selection
from analysis.render.summary import cell
from analysis.words.plaintext import markdown, markdown_code

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
        lines.append(f"| {markdown_code(one.name)} | {cells} | {percent(one.on_front)} | {kept} |")
    lines += ["", *(f"- {markdown(text)}" for text in relations(matrix)), ""]
    lines += [*(f"- {markdown(note)}" for note in matrix.notes)]
    return "\n".join(lines) + "\n"


def html(matrix: Matrix) -> str:
    """Give the whole page; the same matrix gives the same text."""
    template = environment().get_template("matrix.html.j2")
    page = template.render(
        title="Selection matrix",
        heading="Selection matrix",
        facts=[f"{len(matrix.candidates)} candidates"],
        matrix=matrix,
        selection=selection(matrix),
    )
    return re.sub(r"\n\s+", "\n", page)

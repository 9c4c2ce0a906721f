"""`tailgate matrix`: every candidate of several runs side by side, and which to take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from analysis.commands.report import defects_said
from scenarios.errors import ExitCode


def make_matrix(runs: Sequence[str], output: Path | None, *, as_json: bool) -> ExitCode:
    """Write matrix.html, matrix.md and matrix.json and print the advice. Raises TailgateError."""
    from analysis.comparing.side import known, wanted
    from analysis.render.matrix import to_json, write_all
    from analysis.render.selection import relations
    from analysis.selecting.matrix import matrix
    from analysis.words.plaintext import clean

    wants = wanted(runs)
    folder = wants[-1].folder if output is None else output
    with defects_said(folder):
        found = matrix([known(want) for want in wants])
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_all(found, folder)
    if as_json:
        typer.echo(to_json(found), nl=False)
        return ExitCode.PASS
    said = [*(one.sentence for one in found.advice), *relations(found), *(f"note: {note}" for note in found.notes)]
    for line in said:
        typer.echo(clean(line))
    typer.echo(f"\nMatrix: {paths[0]}")
    return ExitCode.PASS

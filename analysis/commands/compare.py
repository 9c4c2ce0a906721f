"""`tailgate compare`: a candidate beside a baseline, its files and the exit code of its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from analysis.commands.report import EXIT_CODES, defects_said
from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from analysis.comparing.comparison import Comparison
    from analysis.render.junit import Undecided
    from scenarios.slo import Slo


def compare_runs(  # noqa: PLR0913 - each option is an argument
    base: Sequence[str],
    candidate: Sequence[str],
    margins: Sequence[str],
    output: Path | None,
    *,
    as_json: bool,
    junit: Undecided = "fail",
) -> ExitCode:
    """Compare, write its files, print the verdict. Raises TailgateError."""
    from analysis.comparing.side import wanted
    from analysis.render.compare import to_json, write_all
    from analysis.words.plaintext import clean

    folder = wanted(candidate)[-1].folder if output is None else output
    with defects_said(folder):
        comparison = made(base, candidate, margins)
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_all(comparison, folder, junit)
    if as_json:
        typer.echo(to_json(comparison), nl=False)
    else:
        for line in words(comparison):
            typer.echo(clean(line))
        typer.echo(f"\nComparison: {paths[0]}")
    return EXIT_CODES[comparison.verdict]


def made(base: Sequence[str], candidate: Sequence[str], margins: Sequence[str]) -> Comparison:
    """Read the runs of both sides and compare them. Raises TailgateError."""
    from analysis.comparing.compare import compare
    from analysis.comparing.side import known, wanted

    lines = lines_of(margins)
    sides = [[known(want) for want in wanted(side)] for side in (base, candidate)]
    return compare(sides[0], sides[1], lines)


def lines_of(margins: Sequence[str]) -> list[Slo]:
    """Read margins given on the command line. Raises TailgateError."""
    from scenarios.slo import parse_margin

    found = []
    for text in margins:
        try:
            found.append(parse_margin(text))
        except ValueError as error:
            raise TailgateError(f"--margin: {error}") from None
    return found


def words(comparison: Comparison) -> list[str]:
    """Give the comparison as lines of plain text: conclusion, each margin, what to do, what to note."""
    return [
        comparison.conclusion,
        "",
        *(f"{line.verdict}: {line.sentence}" for line in comparison.lines),
        *(f"next: {step}" for step in comparison.next_steps),
        *(f"note: {note}" for note in comparison.notes),
    ]

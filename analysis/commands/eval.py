"""`tailgate eval`: a rubric alone, on a run folder or a file of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.evaluation import Evaluation
    from scenarios.slo import Slo


def evaluate(source: Path, rubric: Path | None, slo: Sequence[str], *, as_json: bool = False) -> ExitCode:
    """Grade, print and judge; without objectives the exit code is 0 where anything was graded. Raises TailgateError."""
    from rich.console import Console

    from analysis.evaluation import evaluate_file, evaluate_run
    from analysis.render.evaluation import print_evaluation, to_json
    from scenarios.rubric import load

    if not source.exists():
        raise TailgateError(f"{source}: no such file or folder; give a run folder or a file of answers")
    judge = evaluate_run if source.is_dir() else evaluate_file
    found = judge(source, None if rubric is None else load(rubric), _lines(slo))
    if as_json:
        typer.echo(to_json(found), nl=False)
    else:
        print_evaluation(found, Console(highlight=False))
    return _exit_code(found)


def _lines(texts: Sequence[str]) -> list[Slo]:
    from analysis.evaluation import is_about_quality
    from scenarios.slo import parse_slo

    found = []
    for text in texts:
        try:
            line = parse_slo(text)
        except ValueError as error:
            raise TailgateError(f"--slo: {error}") from None
        if not is_about_quality(line):
            raise TailgateError(f"--slo: '{line.text}' is not about answers: write a line such as accuracy >= 0.85")
        found.append(line)
    return found


def _exit_code(found: Evaluation) -> ExitCode:
    verdicts = {line.verdict for line in found.slo}
    if "fail" in verdicts:
        return ExitCode.BREACHED
    graded = any(row.graded for row in found.quality.endpoints)
    return ExitCode.INCONCLUSIVE if "inconclusive" in verdicts or not graded else ExitCode.PASS

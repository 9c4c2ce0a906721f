"""`tailgate dashboard`: one page over all runs of a results folder."""

from __future__ import annotations

from pathlib import Path

import typer

from analysis.commands.report import build, defects_said
from scenarios.errors import ExitCode, TailgateError


def make_dashboard(results: Path) -> ExitCode:
    """Write dashboard.html, dashboard.json and history.csv into the results folder. Raises TailgateError."""
    from analysis.render.dashboard import write_all
    from analysis.trends.dashboard import dashboard, told
    from analysis.trends.history import NAME, record_all
    from analysis.words.plaintext import clean

    if not results.is_dir():
        raise TailgateError(f"{results}: no such folder; name the one that `tailgate run --results` wrote into")
    with defects_said(results):
        runs, notes = told(results, build)
        found = dashboard(runs, notes)
        paths = write_all(found, results)
        record_all([run.report for run in runs], results / NAME)
    for trend in found.trends:
        for change in trend.changes:
            typer.echo(f"change: {clean(change.sentence)}")
    for note in notes:
        typer.echo(f"note: {clean(note)}")
    count = len(found.runs)
    typer.echo(f"{count} run{'' if count == 1 else 's'}. Dashboard: {paths[0]}")
    return ExitCode.PASS

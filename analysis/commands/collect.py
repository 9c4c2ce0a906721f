"""`tailgate collect`: one run folder from what the workers of a run kept."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from scenarios.errors import ExitCode


def collect_folders(folders: Sequence[Path], results: Path, *, merge: bool = False) -> ExitCode:
    """Make the folder and say what it holds; `merge` = of several masters' runs. Raises TailgateError."""
    from analysis.rows.collect import collect
    from analysis.rows.together import collect_several

    collected = (collect_several if merge else collect)(folders, results)
    workers = ", ".join(f"{worker} {count:,}" for worker, count in collected.rows.items())
    typer.echo(f"Rows collected: {sum(collected.rows.values()):,} ({workers or 'no worker'})")
    if collected.torn:
        typer.echo(f"Torn lines left out: {collected.torn:,}")
    typer.echo(f"Run folder: {collected.folder}\nTo report on it: tailgate report {shlex.quote(str(collected.folder))}")
    return ExitCode.PASS

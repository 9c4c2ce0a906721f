"""`tailgate report`: from the rows of a run to its files, its verdict and the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scenarios.errors import ExitCode, TailgateError

if TYPE_CHECKING:
    from analysis.model import Report, Verdict
    from analysis.render.junit import Undecided

EXIT_CODES: dict[Verdict, ExitCode] = {
    "pass": ExitCode.PASS,
    "fail": ExitCode.BREACHED,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "invalid": ExitCode.INVALID,
}
"""The one place where a verdict becomes an exit code."""


def make_reports(
    runs: Sequence[Path], history: Path | None = None, *, as_json: bool = False, junit: Undecided = "fail"
) -> ExitCode:
    """Write the report files of each run, its row into `history`, and print what they say. Raises TailgateError."""
    for folder in runs:
        report_on(folder, history, as_json=as_json, junit=junit)
    return ExitCode.PASS


def report_on(
    folder: Path, history: Path | None = None, *, as_json: bool = False, junit: Undecided = "fail"
) -> ExitCode:
    """Write and print one run's report; give its verdict's exit code. Raises TailgateError."""
    with rows_kept(folder):
        from rich.console import Console

        from analysis.render.files import to_json, write_all
        from analysis.render.terminal import print_report
        from analysis.trends.history import NAME, record

        report = build(folder)
        write_all(report, folder, junit)
        record(report, folder / NAME)
        if history is not None:
            record(report, history)
        if as_json:
            typer.echo(to_json(report), nl=False)
        else:
            print_report(report, Console(highlight=False))
            typer.echo(f"\nReport: {folder / 'report.html'}")
    return EXIT_CODES[report.verdict]


def build(folder: Path) -> Report:
    """Compute the report of a run folder. Raises TailgateError."""
    if not folder.is_dir():
        what = "is a file, not a run folder" if folder.exists() else "no such run folder"
        raise TailgateError(f"{folder}: {what}; `tailgate run` prints the name of the one it makes")
    with rows_kept(folder):
        from analysis.progress import progress
        from analysis.report import build as build_report

        with progress() as tell:
            return build_report(folder, tell)


@contextmanager
def rows_kept(folder: Path) -> Iterator[None]:
    """Turn whatever breaks while reporting into a TailgateError that says how to try again."""
    retry = f"the rows are kept, to try again: tailgate report {shlex.quote(str(folder))}"
    try:
        yield
    except TailgateError:
        raise
    except OSError as error:
        raise TailgateError(f"{error.filename or folder}: {error.strerror or error}; the rows are kept") from error
    except KeyboardInterrupt:
        raise TailgateError(f"interrupted before the report was whole; {retry}", ExitCode.INVALID) from None
    except Exception as error:
        defect = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise TailgateError(f"the report could not be made ({defect}); {retry}", ExitCode.INTERNAL_ERROR) from error


@contextmanager
def defects_said(folder: Path) -> Iterator[None]:
    """Turn a file that cannot be written into a TailgateError."""
    try:
        yield
    except OSError as error:
        raise TailgateError(f"{error.filename or folder}: {error.strerror or error}") from error

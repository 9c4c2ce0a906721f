"""`tailgate import`: a run folder from plain Locust CSV files, then its report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from analysis.commands.report import report_on
from analysis.rows.folder import new_folder
from scenarios.errors import ExitCode, TailgateError

FILES = ("stats", "stats_history", "failures", "exceptions")


def import_csv(prefix: str, results: Path, slo: Sequence[str]) -> ExitCode:
    """Make the run folder and report on it; give the verdict's exit code. Raises TailgateError."""
    lines = _lines(slo)
    found = files(prefix)
    notes: list[str] = []
    document = _document(prefix, found, lines, notes)
    folder = new_folder(results, document["run_id"])
    for name, path in found.items():
        shutil.copyfile(path, folder / f"{name}.csv")
    (folder / "run.json").write_text(json.dumps({**document, "run_id": folder.name}, indent=1), encoding="utf-8")
    code = report_on(folder)
    _say_notes(folder)
    return code


def _say_notes(folder: Path) -> None:
    from analysis.foreign.imported import report
    from analysis.words.plaintext import clean

    for note in report(folder, json.loads((folder / "run.json").read_text(encoding="utf-8"))).notes:
        typer.echo(f"note: {clean(note)}")


def files(prefix: str) -> dict[str, Path]:
    """Find the files that `locust --csv PREFIX` wrote; one of their names will do as well. Raises TailgateError."""
    stem = prefix
    for name in FILES:
        stem = stem.removesuffix(f"_{name}.csv")
    found = {name: Path(f"{stem}_{name}.csv") for name in FILES}
    if not found["stats"].is_file():
        raise TailgateError(
            f"{found['stats']}: no such file; give the PREFIX of `locust --csv PREFIX`, which wrote PREFIX_stats.csv"
        )
    return {name: path for name, path in found.items() if path.is_file()}


def _lines(slo: Sequence[str]) -> list[str]:
    from scenarios.slo import parse_slo

    for text in slo:
        try:
            parse_slo(text)
        except ValueError as error:
            raise TailgateError(f"--slo: {error}") from None
    return list(slo)


def _document(prefix: str, found: dict[str, Path], slo: list[str], notes: list[str]) -> dict[str, Any]:
    from analysis.foreign.locust_csv import read_history, read_stats
    from scenarios.records import SCHEMA_VERSION

    read_stats(found["stats"], notes)
    history = read_history(found["stats_history"], notes) if "stats_history" in found else []
    began_s = history[0].at_s if history else found["stats"].stat().st_mtime
    name = Path(found["stats"].name.removesuffix("_stats.csv")).name or "locust"
    began = datetime.fromtimestamp(began_s, UTC)
    ended = datetime.fromtimestamp(history[-1].at_s if history else began_s, UTC)
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": f"{name}-{began:%Y%m%dT%H%M%SZ}",
        "name": name,
        "started_at": began.isoformat(),
        "ended_at": ended.isoformat(),
        "load_model": "closed (Locust)",
        "scenario": {"name": name, "slo": slo},
        "phases": [],
        "workers": [],
        "validity": {"verdict": "valid", "reasons": []},
        "imported": {"from": "Locust CSV", "prefix": Path(prefix).name, "files": sorted(found)},
    }

"""A run folder as typed frames: what was written, whatever state it was left in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from analysis.rows import empty_attempts, read_rows
from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

GAP_COLUMNS = ("endpoint", "arm", "phase", "window_start_s", "window_s", "count", "histogram")


@dataclass(frozen=True)
class Run:
    """One run folder: `meta` is run.json (empty when missing), `notes` says what was missing, torn or doubled."""

    folder: Path
    meta: dict[str, Any]
    attempts: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_run(folder: Path) -> Run:
    """Read a run folder.

    Missing optional files, torn lines and doubled rows become notes.
    Raises TailgateError when the folder holds no run, or one of another schema version.
    """
    if not folder.is_dir():
        raise TailgateError(f"{folder}: no such folder; give the run folder that holds attempts.csv and run.json")
    notes: list[str] = []
    meta = read_meta(folder / "run.json", notes)
    files = _attempt_files(folder, finished=bool(meta.get("ended_at")))
    if not files and not meta:
        raise TailgateError(f"{folder}: not a run folder: it holds neither attempts.csv nor a readable run.json")
    attempts = read_attempts(files, notes)
    return Run(folder, meta, attempts, read_gaps(folder / "gaps.csv", notes), tuple(notes))


def _attempt_files(folder: Path, *, finished: bool) -> list[Path]:
    """Give the merged file; of an unfinished run the workers' own files too, since the merge may be partial."""
    merged = folder / "attempts.csv"
    parts = sorted(folder.glob("attempts-*.csv"))
    if not merged.is_file():
        return parts
    return [merged] if finished else [merged, *parts]


def read_meta(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read run.json; a missing or broken one gives {} and a note."""
    try:
        meta = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        notes.append("run.json is missing: prices, SLOs and the generator's health are unknown")
        return {}
    except json.JSONDecodeError as error:
        notes.append(f"run.json is not JSON (line {error.lineno}: {error.msg}): treated as missing")
        return {}
    except OSError as error:
        raise TailgateError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(meta, dict):
        notes.append("run.json is not a JSON object: treated as missing")
        return {}
    version = meta.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise TailgateError(f"{path}: schema_version is {version}, this Tailgate reads {SCHEMA_VERSION}")
    return cast("dict[str, Any]", meta)


def read_attempts(files: list[Path], notes: list[str]) -> pd.DataFrame:
    """Read the attempt rows of all files, each (worker, seq) once."""
    frames = [frame for path in files for frame in read_rows(path, notes)]
    if not frames:
        notes.append("no attempt was recorded")
        return empty_attempts()
    rows = _join(frames)
    doubled = rows.duplicated(["worker", "seq"], keep="first")
    if not doubled.any():
        return rows
    if len(files) == 1:
        notes.append(f"{int(doubled.sum()):,} rows were doubled (same worker and seq) and are counted once")
    return rows[~doubled].reset_index(drop=True)


def _join(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Concatenate, keeping categories: pandas falls back to text where their values differ."""
    if len(frames) == 1:
        return frames[0]
    columns: dict[str, pd.Series[Any]] = {}
    for name in frames[0].columns:
        parts = [frame[name] for frame in frames]
        if isinstance(parts[0].dtype, pd.CategoricalDtype):
            columns[name] = pd.Series(pd.api.types.union_categoricals(parts))
        else:
            columns[name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns)


def read_gaps(path: Path, notes: list[str]) -> pd.DataFrame:
    """Read gaps.csv as text and numbers; a missing or broken one gives an empty frame."""
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in GAP_COLUMNS})
    if not path.is_file():
        return empty
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, on_bad_lines="skip", encoding_errors="replace")
    except (pd.errors.ParserError, pd.errors.EmptyDataError):
        notes.append("gaps.csv cannot be read: gaps between chunks are unknown")
        return empty
    if not set(GAP_COLUMNS) <= set(frame.columns):
        notes.append(f"gaps.csv lacks the columns {', '.join(sorted(set(GAP_COLUMNS) - set(frame.columns)))}")
        return empty
    return frame

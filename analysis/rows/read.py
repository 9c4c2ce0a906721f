"""A run folder as typed frames: what was written, whatever state it was left in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from analysis.progress import Tell, quiet
from analysis.rows.attempts import IMPOSSIBLE, SELDOM, Rows
from analysis.rows.missing import with_missing
from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION
from scenarios.server_timings import FILE as TIMINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

GAP_COLUMNS = ("endpoint", "arm", "phase", "window_start_s", "window_s", "count", "histogram")


UNREADABLE = "unreadable"
"""Key of what is known of a run whose run.json is broken: why it cannot be read."""

SHAPES: dict[str, type] = {"scenario": dict, "phases": list, "workers": list, "validity": dict}


@dataclass(frozen=True)
class Run:
    """One run folder: `meta` is run.json (empty when missing), `notes` says what was missing, torn or doubled."""

    folder: Path
    meta: dict[str, Any]
    attempts: pd.DataFrame
    gaps: pd.DataFrame
    notes: tuple[str, ...] = ()
    told: tuple[Path, ...] = ()
    """The files of what servers said of their own time: none where they said nothing."""


def read_run(folder: Path, tell: Tell = quiet) -> Run:
    """Read a run folder; `tell` hears how far it is.

    Missing optional files, torn lines and doubled rows become notes.
    Raises TailgateError when the folder holds no run, or one of another schema version.
    """
    if not folder.is_dir():
        raise TailgateError(f"{folder}: no such folder; give the run folder that holds attempts.csv and run.json")
    notes: list[str] = []
    meta = read_meta(folder / "run.json", notes)
    files = _files(folder, "attempts", finished=has_ended(meta))
    if not files and (not meta or UNREADABLE in meta):
        raise TailgateError(f"{folder}: not a run folder: it holds neither attempts.csv nor a readable run.json")
    told = _files(folder, TIMINGS.removesuffix(".csv"), finished=has_ended(meta))
    attempts, broken = read_attempts(files, notes, tell, SELDOM if told else ())
    gaps = read_gaps(folder, notes)
    return Run(folder, with_missing(meta, attempts, broken), attempts, gaps, tuple(notes), tuple(told))


def _files(folder: Path, name: str, *, finished: bool) -> list[Path]:
    """Give the merged file; of an unfinished run the workers' own files too, since the merge may be partial."""
    merged = folder / f"{name}.csv"
    parts = sorted(folder.glob(f"{name}-*.csv"))
    if not merged.is_file():
        return parts
    return [merged] if finished else [merged, *parts]


def has_ended(meta: Mapping[str, Any]) -> bool:
    """Tell whether a run ended: its `ended_at` is null until it does; a run.json without one is of a whole run."""
    return bool(meta.get("ended_at", True))


def read_meta(path: Path, notes: list[str]) -> dict[str, Any]:
    """Read run.json; a missing one gives {}, a broken one what is wrong with it as `UNREADABLE`, each with a note."""
    try:
        meta = json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except FileNotFoundError:
        notes.append("run.json is missing: prices, SLOs and the generator's health are unknown")
        return {}
    except json.JSONDecodeError as error:
        return _unreadable(f"run.json is torn or no JSON (line {error.lineno}: {error.msg})", notes)
    except (ValueError, RecursionError) as error:
        return _unreadable(f"run.json is no JSON that can be read ({error})", notes)
    except OSError as error:
        raise TailgateError(f"{path}: cannot be read: {error.strerror}") from error
    if reason := _misshapen(meta):
        return _unreadable(reason, notes)
    version = meta.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise TailgateError(f"{path}: schema_version is {version!r}, this Tailgate reads {SCHEMA_VERSION}")
    return cast("dict[str, Any]", meta)


def _misshapen(meta: object) -> str:
    """Say in what a document is no run.json; "" if in nothing."""
    if not isinstance(meta, dict):
        return "run.json is not a JSON object"
    if not meta:
        return "run.json is empty"
    wrong = [name for name, shape in SHAPES.items() if not isinstance(meta.get(name, shape()), shape)]
    return f"run.json has a wrong {' and '.join(wrong)}" if wrong else ""


def _unreadable(reason: str, notes: list[str]) -> dict[str, Any]:
    notes.append(f"{reason}: prices, SLOs and the generator's health are unknown")
    return {UNREADABLE: reason}


def read_attempts(
    files: list[Path], notes: list[str], tell: Tell = quiet, also: Sequence[str] = ()
) -> tuple[pd.DataFrame, int]:
    """Read the attempt rows of all files, each (worker, seq) once, and count the lines that cannot be read.

    Columns of few texts are categories; `also`: columns that are seldom asked for.
    """
    rows = Rows(also)
    whole = sum(path.stat().st_size for path in files)
    done = 0

    def more(size: int) -> None:
        nonlocal done
        done += size
        tell("reading rows", done / whole)

    for path in files:
        rows.read(path, notes, more)
    if not rows.count:
        notes.append("no attempt was recorded")
    columns = rows.take()
    doubled = _doubled(columns)
    if doubled.any():
        columns = {name: column[~doubled] for name, column in columns.items()}
    columns["seq"] = _smaller(columns["seq"])
    if doubled.any() and len(files) == 1:
        notes.append(f"{int(doubled.sum()):,} rows were doubled (same worker and seq) and are counted once")
    # Each column by itself: one can be given up while others are still needed.
    return pd.DataFrame(columns, copy=False), rows.broken


def _smaller(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Give whole numbers in half the room, where they are whole."""
    small = numbers.astype(np.uint32) if ((numbers >= 0) & (numbers < 2**32)).all() else numbers
    return small if (small == numbers).all() else numbers


def _doubled(columns: dict[str, Any]) -> NDArray[np.bool_]:
    """Mark the rows whose worker and seq have come before."""
    keys = columns["worker"].codes.astype(np.float64) * IMPOSSIBLE + columns["seq"]
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.zeros(len(keys), dtype=bool)
    return pd.DataFrame({"worker": columns["worker"], "seq": columns["seq"]}).duplicated().to_numpy()


def read_gaps(folder: Path, notes: list[str]) -> pd.DataFrame:
    """Read gaps.csv as text, and what workers kept that were killed before they were in it."""
    found = _read_gaps(folder / "gaps.csv", notes)
    for path in sorted(folder.glob("gaps-*.csv")):
        own = _read_gaps(path, notes)
        if len(own) and "worker" in own:
            told = set(found["worker"]) if "worker" in found else set[str]()
            found = pd.concat([found, own[~own["worker"].isin(told)]], ignore_index=True)
    return found


def _read_gaps(path: Path, notes: list[str]) -> pd.DataFrame:
    """Read one file; a missing or broken one gives an empty frame."""
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in GAP_COLUMNS})
    if not path.is_file():
        return empty
    try:
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, on_bad_lines="skip", encoding_errors="replace")
    except (pd.errors.ParserError, pd.errors.EmptyDataError):
        notes.append(f"{path.name} cannot be read: gaps between chunks are unknown")
        return empty
    if not set(GAP_COLUMNS) <= set(frame.columns):
        notes.append(f"{path.name} lacks the columns {', '.join(sorted(set(GAP_COLUMNS) - set(frame.columns)))}")
        return empty
    return frame
